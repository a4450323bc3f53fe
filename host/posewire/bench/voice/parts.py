"""The parts around a voice session that is measured: its connection, its tools, a pipeline with a language model."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

import numpy as np

from posewire.bench.standins import HttpStandIn, OpenAiScript
from posewire.voice.asr.base import SpeechRecognizer
from posewire.voice.commands.sentences_file import load_sentences
from posewire.voice.conversation import Conversation, ReplyPart, StageTime
from posewire.voice.llm.base import ChatMessage, LanguageModel
from posewire.voice.output import TurnReport
from posewire.voice.phrase import Sound
from posewire.voice.providers import load_provider
from posewire.voice.session import VoiceSession
from posewire.voice.settings import VoiceSettings
from posewire.voice.tools.base import ToolInfo, ToolSet
from posewire.voice.tts.synthesis import Synthesis
from posewire.voice.turn import TurnResources
from posewire.voice.vad.batches import VadBatches

_TOOLS = (
    "self.get_device_status", "self.audio_speaker.set_volume", "self.led.set_color", "self.led.turn_on",
    "self.led.turn_off", "self.identify", "self.restart", "self.robot.drive", "self.robot.stop",
)  # fmt: skip
ANSWER = "The answer to your question is rather simple. It takes a second sentence to say all of it, and then it ends."


@dataclass
class Line:
    """The connection's side of a session: notes when what came. Takes audio as fast as it is made."""

    first_audio: float = 0.0
    reports: list[TurnReport] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    full: bool = False
    """The downlink takes nothing more, as when a reply plays."""

    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def keep_heard(self) -> None:
        """Keep nothing."""

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


class Pipeline:
    """Sessions whose backends are the stand-in."""

    def __init__(self, script: OpenAiScript, tts: str, asr: str = "") -> None:
        self.server = HttpStandIn(script)
        self._tts = tts
        self._asr = asr
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Pipeline:
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


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds of which no event tells; it is looked at every half millisecond."""
    while not condition():  # noqa: ASYNC110 - what is measured must not know that it is
        await asyncio.sleep(0.0005)


def percentile(values: list[float], percent: float) -> float:
    """Give a percentile, to a tenth."""
    return round(float(np.percentile(values, percent)), 1)
