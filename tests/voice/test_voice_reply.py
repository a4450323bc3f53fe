"""The reply's three tasks, with an answer and a synthesizer written down here."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from posewire.errors import ProviderError
from posewire.voice.conversation import Emotion, EndOfReply, Goodbye, ReplyPart, StageTime
from posewire.voice.reply import Reply, StageTimes
from posewire.voice.tts.base import SentenceSynthesizer, Speech
from posewire.voice.tts.synthesis import Synthesis
from support.ear import Ear


class Voice(SentenceSynthesizer):
    """Says a hundred samples a sentence; it has no word for "mute"."""

    name = "voice"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def synthesize(self, text: str) -> Speech:
        self.asked.append(text)
        if "mute" in text:
            raise ProviderError("no word")
        return Speech(np.full(100, 1000, np.int16), 16_000)

    async def close(self) -> None: ...


async def parts_of(*parts: ReplyPart) -> AsyncIterator[ReplyPart]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


def reply_of(ear: Ear, voice: Voice | None) -> tuple[Reply, StageTimes]:
    times = StageTimes(clock=lambda: 0.0)
    return Reply(ear, None if voice is None else Synthesis(voice), "That failed.", times), times


async def test_sentences_are_shown_and_played_in_order_between_begin_and_end(ear: Ear) -> None:
    reply, times = reply_of(ear, Voice())
    await reply.speak(parts_of(StageTime("llm", 5.0), "One. T", "wo", Emotion("happy"), "Three."))
    assert ear.events == [
        "started", "emotion neutral", "says One.", "audio", "says Two", "audio", "emotion happy", "says Three.",
        "audio", "ended",
    ]  # fmt: skip
    assert list(times.milliseconds) == ["llm", "sentence", "tts", "total"]
    assert not reply.open


async def test_times_of_a_stage_that_comes_twice_are_added(ear: Ear) -> None:
    reply, times = reply_of(ear, None)
    await reply.speak(parts_of(StageTime("tool", 5.0), StageTime("tool", 7.0), "Done."))
    assert times.milliseconds["tool"] == 12
    assert "tts" not in times


async def test_a_sentence_without_a_voice_is_still_shown(ear: Ear) -> None:
    reply, _ = reply_of(ear, Voice())
    await reply.speak(parts_of("One. This is mute. Three."))
    assert ear.events[-6:] == ["says One.", "audio", "says This is mute.", "says Three.", "audio", "ended"]


async def test_an_answer_that_breaks_off_is_said(ear: Ear) -> None:
    async def broken() -> AsyncIterator[ReplyPart]:
        yield "One. Tw"
        raise ProviderError("gone")

    reply, _ = reply_of(ear, None)
    await reply.speak(broken())
    assert ear.story == ["started", "emotion neutral", "says One.", "emotion sad", "says That failed.", "ended"]
    assert reply.failed


async def test_the_rest_of_an_answer_runs_when_the_reply_has_been_played(ear: Ear) -> None:
    done: list[str] = []

    async def restart() -> AsyncIterator[ReplyPart]:
        yield "I restart."
        yield EndOfReply()
        done.extend(ear.story)

    reply, _ = reply_of(ear, Voice())
    await reply.speak(restart())
    assert done == ["started", "emotion neutral", "says I restart.", "ended"]


async def test_no_more_than_one_sentence_is_synthesized_beyond_the_one_that_plays(ear: Ear) -> None:
    voice = Voice()
    reply, _ = reply_of(ear, voice)
    ear.line.clear()
    speaking = asyncio.create_task(reply.speak(parts_of("One. Two. Three. Four. ")))
    await ear.until("audio")
    for _ in range(50):
        await asyncio.sleep(0)
    assert voice.asked == ["One.", "Two."]
    ear.line.set()
    await speaking
    assert voice.asked == ["One.", "Two.", "Three.", "Four."]


async def test_a_farewell_is_noted_and_a_cancellation_leaves_no_task(ear: Ear) -> None:
    reply, _ = reply_of(ear, Voice())
    await reply.speak(parts_of("Bye.", Goodbye()))
    assert reply.goodbye
    before = asyncio.all_tasks()
    ear.line.clear()
    speaking = asyncio.create_task(reply.speak(parts_of("One. Two.")))
    await ear.until("audio", times=2)
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking
    assert reply.open
    assert asyncio.all_tasks() == before
