"""Turns with servers behind them: what is heard before the answer is complete, and what an interruption leaves."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest

from posewire.bench.standins import HttpStandIn, OpenAiScript
from posewire.bench.voice.parts import ModelResponder
from posewire.voice.assistant import Assistant
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.providers import load_provider
from posewire.voice.session import VoiceSession, VoiceState
from posewire.voice.session import VoiceSession as Session
from posewire.voice.settings import VoiceSettings
from posewire.voice.tts.synthesis import Synthesis
from posewire.voice.turn import TurnResources
from posewire.voice.vad.batches import VadBatches
from support.board import Board
from support.ear import Ear
from support.recordings import feed, recording
from support.waiting import eventually

ANSWER = "First a short sentence. Then a second one that takes a while. And a third."


class Backed:
    """Sessions whose recogniser, model and voice are one stand-in server."""

    def __init__(self, server: HttpStandIn, budget_ms: float, timeout_s: float) -> None:
        table = {"openai": {"base_url": server.base_url, "timeout_s": timeout_s}}
        self.settings = VoiceSettings(asr="openai", providers={"asr": table, "llm": table, "tts": table})
        sentences = load_sentences()
        self.server = server
        self.asr, self.llm, self.tts = (
            load_provider(kind, "openai", self.settings, sentences)  # type: ignore[arg-type]
            for kind in ("asr", "llm", "tts")
        )
        self.vad = VadBatches(load_provider("vad", "silero", self.settings, sentences))
        phrases = {**sentences.phrases, "farewell": "Goodbye."}
        self.resources = TurnResources(
            phrases, Synthesis(self.tts), frozenset({"goodbye"}), latency_budget_ms=budget_ms
        )

    def session(self, ear: Ear) -> VoiceSession:
        conversation = ModelResponder(self.llm).conversation(Board(), "x")
        return Session(self.settings, self.vad, self.asr, self.resources, ear, conversation)

    async def close(self) -> None:
        for part in (self.asr, self.llm, self.tts):
            await part.close()


@asynccontextmanager
async def backed(script: OpenAiScript, budget_ms: float = 0.0, timeout_s: float = 20.0) -> AsyncIterator[Backed]:
    async with HttpStandIn(script) as server:
        made = Backed(server, budget_ms, timeout_s)
        yield made
        await made.close()


async def test_the_first_sentence_is_heard_while_the_model_still_writes(ear: Ear) -> None:
    script = OpenAiScript(ANSWER, token_s=0.03)
    async with backed(script) as pipeline:
        session = pipeline.session(ear)
        session.text("a question")
        await ear.until("audio")
        assert len(script.sent) < len(ANSWER.split()) - 3
        await ear.until("ended")
        assert ear.story == [
            "heard a question",
            "started",
            "emotion neutral",
            "says First a short sentence.",
            "says Then a second one that takes a while.",
            "says And a third.",
            "ended",
        ]
        report = await ear.until_reported()
        assert list(report.stages) == ["llm", "sentence", "tts", "total"]
        await session.close()


@pytest.mark.parametrize("reply", ["", "  \n ", "```\n```", "...", "🙂"])
async def test_an_answer_without_a_sentence_is_said_and_ends_for_the_device(ear: Ear, reply: str) -> None:
    async with backed(OpenAiScript(reply)) as pipeline:
        session = pipeline.session(ear)
        session.text("a question")
        report = await ear.until_reported()
        assert report.outcome == "no answer"
        assert ear.story[:2] == ["heard a question", "started"]
        assert ear.story[-2:] == ["says I have no answer to that.", "ended"]
        assert ear.audio
        assert session.state == VoiceState.IDLE
        await session.close()


async def test_speech_goes_through_all_three_servers(ear: Ear) -> None:
    async with backed(OpenAiScript(ANSWER, heard=" Turn on\nthe light. ")) as pipeline:
        session = pipeline.session(ear)
        session.start("manual")
        feed(session, recording("goforward"))
        session.stop()
        await ear.until("ended")
        assert ear.story[:2] == ["speech", "heard Turn on the light."]
        assert [request.path for request in pipeline.server.requests][:2] == [
            "/v1/audio/transcriptions",
            "/v1/chat/completions",
        ]
        await session.close()


async def test_what_is_slow_is_named(ear: Ear) -> None:
    async with backed(OpenAiScript("Yes.", first_s=0.2), budget_ms=100) as pipeline:
        session = pipeline.session(ear)
        session.text("a question")
        report = await ear.until_reported()
        assert report.over_budget == "llm"
        assert report.stages["llm"] >= 200
        await session.close()


@pytest.mark.parametrize("stage", ["asr_s", "first_s", "tts_s"])
async def test_an_abort_closes_the_request_that_is_waited_for(ear: Ear, stage: str) -> None:
    script = replace(OpenAiScript(ANSWER), **{stage: 30.0})
    async with backed(script) as pipeline:
        session = pipeline.session(ear)
        before = asyncio.all_tasks()
        session.start("manual")
        feed(session, recording("goforward"))
        session.stop()
        path = {"asr_s": "transcriptions", "first_s": "completions", "tts_s": "speech"}[stage]
        await eventually(lambda: any(request.path.endswith(path) for request in pipeline.server.requests))
        session.abort()
        await eventually(lambda: pipeline.server.open == 0)
        await eventually(lambda: not [t for t in asyncio.all_tasks() - before if "StandIn" not in str(t.get_coro())])
        assert ear.events[-1] == "cancelled"
        assert session.state == VoiceState.IDLE
        await session.close()


@pytest.mark.parametrize("missing", ["status", "voice", "end of the answer"])
async def test_a_server_that_fails_is_said(ear: Ear, missing: str) -> None:
    script = OpenAiScript(ANSWER)
    if missing == "status":
        script.status = 500
    elif missing == "voice":
        script.tts_s = 30
    else:
        script.reply = lambda messages: 1 / 0  # type: ignore[assignment,return-value]
    async with backed(script, timeout_s=0.3) as pipeline:
        session = pipeline.session(ear)
        session.text("a question")
        await ear.until("ended")
        if missing == "voice":  # the subtitles still say it
            assert "says And a third." in ear.events
            assert not ear.audio
        else:
            assert ear.story[-3:] == ["emotion sad", "says Sorry, that did not work.", "ended"]
            assert (await ear.until_reported()).outcome == "failed"
        await session.close()


async def test_ten_sessions_do_not_wait_for_each_others_servers() -> None:
    script = OpenAiScript("Yes.", first_s=0.5, tts_s=0.5)
    async with backed(script) as pipeline:
        ears = [Ear() for _ in range(10)]
        sessions = [pipeline.session(ear) for ear in ears]
        for session in sessions:
            session.text("a question")
        # All ten are asked before the first has answered.
        await eventually(lambda: pipeline.server.open == 10)
        for ear in ears:
            await ear.until("ended")
        for session in sessions:
            await session.close()


async def test_many_turns_with_aborts_at_random_leave_nothing(assistant: Assistant, ear: Ear, board: Board) -> None:
    dice = random.Random(1)
    session = assistant.session(ear, board, device_name="x")
    session.text("hello")
    await ear.until("ended")
    tasks, threads = len(asyncio.all_tasks()), threading.active_count()
    speech = recording("goforward")
    for _ in range(50):
        session.start(dice.choice(["auto", "manual", "realtime"]))
        feed(session, np.concatenate((speech, np.zeros(16_000, np.int16))), 4800)
        if dice.random() < 0.3:
            session.text("what can you do")
        else:
            session.stop()
        await asyncio.sleep(dice.random() * 0.1)
        session.abort()
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
    assert threading.active_count() <= threads
    assert len(ear.reports) > 10
    ear.clear()
    session.text("turn on the light")
    await ear.until("ended")
    assert board.calls[-1] == ("self.led.turn_on", {})
    await session.close()
