"""``posewire bench voice``: what the voice pipeline understands, how fast it answers, and what it leaves behind."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from posewire.bench.standins import HttpStandIn, OpenAiScript
from posewire.bench.voice_corpus import COMMANDS, UNRELATED, VOICES, chunks, speak, with_noise
from posewire.errors import ProviderError
from posewire.printable import printable_json
from posewire.sound.pcm import Framer, Pcm
from posewire.terminal import show, show_json, warn
from posewire.voice.asr.base import AcousticProfile, SpeechRecognizer
from posewire.voice.assistant import Assistant
from posewire.voice.commands.responder import CommandResponder
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.conversation import Conversation, ReplyPart, StageTime
from posewire.voice.llm.base import ChatMessage, LanguageModel
from posewire.voice.output import TurnReport
from posewire.voice.phrase import Sound
from posewire.voice.providers import load_provider
from posewire.voice.session import VoiceSession, VoiceState
from posewire.voice.settings import VoiceSettings
from posewire.voice.tools.base import ToolInfo, ToolSet
from posewire.voice.tts.synthesis import Synthesis
from posewire.voice.turn import TurnResources
from posewire.voice.vad.base import VAD_FRAME, VadEngine
from posewire.voice.vad.batches import VadBatches
from posewire.voice.vad.endpoint import Endpointer
from posewire.wire.adpcm import AdpcmEncoder, adpcm_decode

_TOOLS = (
    "self.get_device_status", "self.audio_speaker.set_volume", "self.led.set_color", "self.led.turn_on",
    "self.led.turn_off", "self.identify", "self.restart", "self.robot.drive", "self.robot.stop",
)  # fmt: skip
_ANSWER = "The answer to your question is rather simple. It takes a second sentence to say all of it, and then it ends."
_BACKEND_S = 0.3
_SESSIONS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--only", choices=list(_PARTS), action="append", help="measure this part; may be repeated")
    parser.add_argument("--turns", type=int, default=1000, help="turns of the endurance part (default 1000)")
    parser.add_argument("--people", type=int, default=50, help="most people who speak at once (default 50)")
    parser.add_argument("--threshold", type=float, help="another asr_threshold")
    parser.add_argument("--json", action="store_true", help="one object at the end instead of lines")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures to a JSON file")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    results: dict[str, Any] = {}
    for name in args.only or _PARTS:
        out = sys.stderr if args.json else sys.stdout
        show(f"── {name}", out=out)
        try:
            results[name] = asyncio.run(_PARTS[name](args))
        except ProviderError as exc:
            warn(f"{name} is not measured: {exc}")
            results[name] = None
            continue
        for line, value in results[name].items():
            show(f"   {line:58} {printable_json(value)}", out=out)
    if args.save is not None:
        args.save.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if args.json:
        show_json(results, 1)
    return 0


# --- what is understood


async def measure_commands(args: argparse.Namespace) -> dict[str, Any]:
    """Count commands understood and other sentences accepted, cut out by the detector, through the boards' codec."""
    settings = VoiceSettings(asr_decoders=8, **({} if args.threshold is None else {"asr_threshold": args.threshold}))
    sentences = load_sentences()
    recognizer: SpeechRecognizer = load_provider("asr", settings.asr, settings, sentences)
    vad: VadEngine = load_provider("vad", settings.vad, settings, sentences)
    matcher = CommandResponder(sentences).matcher

    async def heard(pcm: Pcm, acoustics: AcousticProfile) -> str:
        detector = vad.detector()
        endpointer = Endpointer(settings.vad_threshold, settings.end_silence_ms, 15)
        utterance = recognizer.utterance(acoustics)
        for frame in Framer(VAD_FRAME).push(_wired(pcm)):
            step = endpointer.push(frame, detector.probability(frame))
            for part in step.audio:
                utterance.feed(part)
            if step.ended:
                break
        transcript = await utterance.finish()
        return transcript.text if transcript.accepted else ""

    def meaning(text: str) -> object:
        command = matcher.match(text) if text else None
        return command and (command.intent.name, command.values)

    result: dict[str, Any] = {}
    for engine in VOICES:
        for group in COMMANDS:
            for noise_db in (None, 20.0, 10.0):
                right = wrong = accepted = 0
                spoken = await speak(engine, COMMANDS[group])
                others = await speak(engine, UNRELATED[group]) if noise_db is None else []
                # A voice is a session: its utterances come one after the other.
                profiles = {voice: AcousticProfile() for voice in VOICES[engine]}
                for text in spoken:
                    pcm = text.pcm if noise_db is None else with_noise(text.pcm, noise_db)
                    found = meaning(await heard(pcm, profiles[text.voice]))
                    right += found == meaning(text.text)
                    wrong += found is not None and found != meaning(text.text)
                for text in others:
                    accepted += meaning(await heard(text.pcm, profiles[text.voice])) is not None
                line = f"{engine}, {group} set" + (f", pink noise {noise_db:.0f} dB below" if noise_db else "")
                result[line] = {"right": f"{right}/{len(spoken)}", "wrong": wrong}
                if others:
                    result[line]["unrelated accepted"] = f"{accepted}/{len(others)}"
    await recognizer.close()
    return result


def _wired(pcm: Pcm) -> Pcm:
    encoder = AdpcmEncoder()
    return np.concatenate([adpcm_decode(encoder.encode(frame)) for frame in chunks(pcm)])


# --- how fast


@dataclass
class Line:
    """The connection's side of a session: notes when what came. Takes audio as fast as it is made."""

    first_audio: float = 0.0
    reports: list[TurnReport] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    full: bool = False
    """The downlink takes nothing more, as when a reply plays."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def still_working(self, silence: float) -> None:
        """Ignore it."""

    def hearing(self, text: str) -> None:
        """Ignore."""

    def heard(self, text: str) -> None:
        """Note that somebody was understood."""
        self.changed.set()

    def emotion(self, name: str) -> None:
        """Ignore."""

    def reply_started(self) -> None:
        """Ignore."""

    def sentence(self, text: str) -> None:
        """Note a subtitle."""
        self.said.append(text)

    async def play(self, sound: Sound) -> None:
        """Take audio; wait for ever when full."""
        self.first_audio = self.first_audio or time.monotonic()
        self.changed.set()
        if self.full:
            await asyncio.Event().wait()

    async def reply_ended(self) -> None:
        """Ignore."""

    def reply_cancelled(self) -> None:
        """Ignore."""

    def speech_started(self) -> None:
        """Ignore."""

    def turn(self, report: TurnReport) -> None:
        """Keep the report."""
        self.reports.append(report)
        self.changed.set()

    def goodbye(self) -> None:
        """Ignore."""

    async def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait for something that is noted here."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Tools:
    """A board that does everything that it is told, at once."""

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the usual tools."""
        return {name: ToolInfo() for name in _TOOLS}

    async def ready(self) -> None:
        """Do not wait."""

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Do it."""
        return '{"audio_speaker": {"volume": 40}}'


async def measure_latency(_: argparse.Namespace) -> dict[str, Any]:
    """Speak commands at the speed of speech; from the end of the utterance to the first samples of the reply."""
    spoken = await speak("flite", COMMANDS["tuning"])
    assistant = await asyncio.to_thread(Assistant.create, VoiceSettings())
    totals: list[float] = []
    stages: dict[str, list[float]] = {}
    try:
        # As in a host that has been up for a while: the recogniser's process runs, the fixed phrases are prepared.
        await assistant.session(Line(), Tools(), device_name="first").close()
        await assistant.ready()
        for sentence in spoken[: len(COMMANDS["tuning"])]:
            line = Line()
            session = assistant.session(line, Tools(), device_name="bench")
            session.start("auto")
            began = time.monotonic()
            for number, frame in enumerate(chunks(np.concatenate((sentence.pcm, np.zeros(16_000, np.int16))))):
                await asyncio.sleep(max(0.0, began + number * 0.06 - time.monotonic()))
                session.feed(frame)
                if line.reports:
                    break
            await line.until(lambda line=line: line.reports, 20)  # type: ignore[misc]
            report = line.reports[0]
            if "total" in report.stages:
                totals.append(report.stages["total"])
                for stage, took in report.stages.items():
                    stages.setdefault(stage, []).append(took)
            await session.close()
    finally:
        await assistant.close()
    medians = {stage: round(statistics.median(times), 1) for stage, times in stages.items()}
    return {
        "end of utterance to first audio, ms": {"p50": _at(totals, 50), "p95": _at(totals, 95), "n": len(totals)},
        "median of each stage, ms": medians,
        "engines": assistant.describe(),
    }


async def measure_streaming(_: argparse.Namespace) -> dict[str, Any]:
    """A model that writes a token every 20 ms: from its first whole sentence to the first audio."""
    result = {}
    for tts in ("openai", "flite", "espeak-ng"):
        script = OpenAiScript(_ANSWER, token_s=0.02)
        delays = []
        async with _Pipeline(script, tts) as pipeline:
            for _turn in range(10):
                script.sent.clear()
                line, session = pipeline.session()
                session.text("a question")
                await line.until(lambda line=line: line.reports)  # type: ignore[misc]
                whole = next(moment for moment, token in script.sent if token.strip().endswith("."))
                delays.append((line.first_audio - whole) * 1000)
                await session.close()
                pipeline.forget()
        result[f"first sentence to first audio, voice {tts}, ms"] = {"p50": _at(delays, 50), "max": _at(delays, 100)}
    return result


async def measure_sessions(_: argparse.Namespace) -> dict[str, Any]:
    """Ten sessions at once, all backends slow (0.3 s each): what one alone takes, and what the slowest of ten takes."""
    script = OpenAiScript(_ANSWER, first_s=_BACKEND_S, asr_s=_BACKEND_S, tts_s=_BACKEND_S)
    pcm = (await speak("flite", ("turn on the light",)))[0].pcm

    async with _Pipeline(script, "openai", asr="openai") as pipeline:

        async def one() -> float:
            line, session = pipeline.session()
            session.start("manual")
            for frame in chunks(pcm):
                session.feed(frame)
                await asyncio.sleep(0)
            await asyncio.sleep(0.2)  # the clock starts when everything has been listened to
            began = time.monotonic()
            session.stop()
            await line.until(lambda: line.first_audio)
            took = time.monotonic() - began
            await session.close()
            return took * 1000

        alone = [await one() for _ in range(3)]
        together = await asyncio.gather(*(one() for _ in range(_SESSIONS)))
    return {
        "one session, ms": round(statistics.median(alone)),
        f"{_SESSIONS} sessions at once, slowest, ms": round(max(together)),
        "three backends, one after the other, ms": round(3 * _BACKEND_S * 1000),
    }


async def measure_people(args: argparse.Namespace) -> dict[str, Any]:
    """Many people speak at the same moment, with the offline recogniser: what they wait, and whether the loop does."""
    pcm = (await speak("flite", ("go forward ten meters",)))[0].pcm
    pcm = np.concatenate((pcm, np.zeros(16_000, np.int16)))
    assistant = await asyncio.to_thread(Assistant.create, VoiceSettings(tts="none"))
    result = {}

    async def lag() -> float:
        """Return the longest time that the event loop did not come round, in ms."""
        worst = 0.0
        while True:
            before = time.monotonic()
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                return worst
            worst = max(worst, (time.monotonic() - before - 0.01) * 1000)

    try:
        for people in (1, 10, args.people):
            lines = [Line() for _ in range(people)]
            sessions = [assistant.session(line, Tools(), device_name="bench") for line in lines]
            for session in sessions:
                session.start("auto")
            watching = asyncio.create_task(lag())
            began = time.monotonic()
            for number, frame in enumerate(chunks(pcm)):
                await asyncio.sleep(max(0.0, began + number * 0.06 - time.monotonic()))
                for session in sessions:
                    session.feed(frame)
            for line in lines:
                await line.until(lambda line=line: line.reports, 120)  # type: ignore[misc]
            watching.cancel()
            waits = [line.reports[0].stages["asr"] for line in lines]
            result[f"{people} at once"] = {
                "understood": sum(line.reports[0].outcome == "answered" for line in lines),
                "end of utterance to text, ms": {"p50": _at(waits, 50), "max": _at(waits, 100)},
                "longest stall of the event loop, ms": round(await watching, 1),
            }
            for session in sessions:
                await session.close()
    finally:
        await assistant.close()
    return result


# --- what stays


async def measure_cancelling(_: argparse.Namespace) -> dict[str, Any]:
    """Abort in every stage: how long until no task and no request of the turn is left."""
    pcm = (await speak("flite", ("turn on the light",)))[0].pcm
    result = {}
    for stage in ("asr", "llm", "tts", "playing"):
        slow: dict[str, Any] = {"asr": {"asr_s": 60}, "llm": {"first_s": 60}, "tts": {"tts_s": 60}}.get(stage, {})
        script = OpenAiScript(_ANSWER, token_s=0.02, **slow)
        took = []
        async with _Pipeline(script, "openai", asr="openai") as pipeline:
            for _turn in range(10):
                line, session = pipeline.session()
                line.full = True
                before = asyncio.all_tasks()
                session.start("manual")
                for frame in chunks(pcm):
                    session.feed(frame)
                session.stop()
                if stage == "playing":
                    await line.until(lambda line=line: line.first_audio)  # type: ignore[misc]
                else:
                    path = {"asr": "transcriptions", "llm": "completions", "tts": "speech"}[stage]
                    asked = pipeline.server.requests
                    await _until(lambda path=path, asked=asked: any(r.path.endswith(path) for r in asked))  # type: ignore[misc]
                began = time.monotonic()
                session.abort()
                # While one sentence plays the next one is asked for: that request must go, too.
                await _until(lambda before=before: not _of_turns(asyncio.all_tasks() - before))  # type: ignore[misc]
                await _until(lambda server=pipeline.server: not server.open)  # type: ignore[misc]
                took.append((time.monotonic() - began) * 1000)
                pipeline.server.requests.clear()
                pipeline.forget()
                await session.close()
        result[f"abort during {stage}, all gone after ms"] = {"p50": _at(took, 50), "max": _at(took, 100)}
    return result


async def measure_endurance(args: argparse.Namespace) -> dict[str, Any]:
    """Many turns, most of them aborted at a random moment; what there is more of afterwards."""
    dice = random.Random(1)
    spoken = await speak("flite", ("turn on the light", "what can you do"))
    assistant = await asyncio.to_thread(Assistant.create, VoiceSettings(tts="espeak-lib"))
    outcomes: dict[str, int] = {}

    async def turns(count: int) -> None:
        line = Line()
        session = assistant.session(line, Tools(), device_name="bench")
        for _ in range(count):
            session.start("manual")
            for frame in chunks(dice.choice(spoken).pcm, 4800):
                session.feed(frame)
            if dice.random() < 0.2:
                session.text("what time is it")
            else:
                session.stop()
            if dice.random() < 0.7:
                await asyncio.sleep(dice.random() * 0.3)
                session.abort()
            else:
                async with asyncio.timeout(60):
                    await _until(lambda: session.state == VoiceState.IDLE)
        await session.close()
        for report in line.reports:
            outcomes[report.outcome] = outcomes.get(report.outcome, 0) + 1

    await turns(max(10, args.turns // 20))
    before = await _settled()
    outcomes.clear()
    began = time.monotonic()
    await turns(args.turns)
    after = await _settled()
    await assistant.close()
    return {
        "turns": args.turns,
        "seconds": round(time.monotonic() - began),
        "outcomes": outcomes,
        "tasks": [before["tasks"], after["tasks"]],
        "threads": [before["threads"], after["threads"]],
        "open files": [before["files"], after["files"]],
        "memory, MB": [before["memory"], after["memory"]],
        "tasks after the end": len(asyncio.all_tasks()) - 1,
    }


def _of_turns(tasks: set[asyncio.Task[Any]]) -> list[asyncio.Task[Any]]:
    """Leave out the stand-in's own tasks."""
    return [task for task in tasks if "StandIn" not in getattr(task.get_coro(), "__qualname__", "")]


async def _settled() -> dict[str, float]:
    """Wait a moment, then count."""
    await asyncio.sleep(0.2)
    gc.collect()
    return _standing()


def _standing() -> dict[str, float]:
    """Count what this process holds."""
    files, memory = Path("/proc/self/fd"), Path("/proc/self/statm")
    resident = int(memory.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if memory.exists() else 0.0
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "files": len(list(files.iterdir())) if files.exists() else 0,
        "memory": round(resident, 1),
    }


async def _until(condition: Callable[[], object]) -> None:
    """Wait for what nobody tells."""
    while not condition():  # noqa: ASYNC110 - what is measured must not know that it is
        await asyncio.sleep(0.0005)


def _at(values: list[float], percent: float) -> float:
    return round(float(np.percentile(values, percent)), 1)


# --- a pipeline with a language model


class ModelResponder:
    """Passes each text to the model, and what it says on: no history, no tools."""

    name = "model"

    def __init__(self, model: LanguageModel) -> None:
        self.model = model

    def conversation(self, tools: ToolSet, device_name: str) -> Conversation:
        """Begin the conversation of a session."""
        return _ModelConversation(self.model)

    def phrases(self) -> list[str]:
        """Nothing is fixed."""
        return []

    async def close(self) -> None:
        """Close the model."""
        await self.model.close()


class _ModelConversation:
    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    async def answer(self, text: str) -> AsyncIterator[ReplyPart]:
        began, first = time.monotonic(), True
        async with aclosing(self._model.chat([ChatMessage("user", text)])) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if first:
                    yield StageTime("llm", (time.monotonic() - began) * 1000)
                    first = False
                if isinstance(piece, str):
                    yield piece


class _Pipeline:
    """Sessions whose backends are the stand-in."""

    def __init__(self, script: OpenAiScript, tts: str, asr: str = "") -> None:
        self.server = HttpStandIn(script)
        self._tts = tts
        self._asr = asr
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> _Pipeline:
        await self._stack.enter_async_context(self.server)
        table = {"openai": {"base_url": self.server.base_url}}
        settings = VoiceSettings(providers={"asr": table, "llm": table, "tts": table})
        sentences = load_sentences()
        self._recognizer: SpeechRecognizer = load_provider("asr", self._asr or "pocketsphinx", settings, sentences)
        self._voice = load_provider("tts", self._tts, settings, sentences)
        self._responder = ModelResponder(load_provider("llm", "openai", settings, sentences))
        self._synthesis = Synthesis(self._voice)
        self._settings = settings
        self._resources = TurnResources({**sentences.phrases, "farewell": ""}, self._synthesis)
        self._vad = VadBatches(load_provider("vad", "silero", settings, sentences))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._recognizer.close()
        await self._voice.close()
        await self._responder.close()
        await self._stack.aclose()

    def session(self) -> tuple[Line, VoiceSession]:
        """Make a session and its other side."""
        line = Line()
        conversation = self._responder.conversation(Tools(), "bench")
        return line, VoiceSession(self._settings, self._vad, self._recognizer, self._resources, line, conversation)

    def forget(self) -> None:
        """Empty the voice's cache, so that the next turn is as slow as the first."""
        self._synthesis.cache.clear()


_PARTS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "commands": measure_commands,
    "latency": measure_latency,
    "streaming": measure_streaming,
    "sessions": measure_sessions,
    "people": measure_people,
    "cancelling": measure_cancelling,
    "endurance": measure_endurance,
}
