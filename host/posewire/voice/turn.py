"""One turn, from the end of what was said (or from a typed text) to the end of the reply."""

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from posewire.errors import ProviderError, ToolError
from posewire.voice.actions import ACTIONS, ActionCall
from posewire.voice.asr import Utterance
from posewire.voice.intents import Command, IntentMatcher
from posewire.voice.sentences import IntentSpec, Sentences
from posewire.voice.speaker import Speaker
from posewire.voice.templates import Slot, fill_text, fill_value
from posewire.voice.tools import DeviceTools

_log = logging.getLogger(__name__)

_CHUNK = 4800
"""Samples handed to the connection at once: 300 ms."""

_MIN_SPEECH_FRAMES = 8
"""Rejected sound with less speech in it than this (256 ms) was a noise: nobody wants to hear "I did not understand"."""


class VoiceOut(Protocol):
    """Where a session speaks to; the connection implements it."""

    def heard(self, text: str) -> None:
        """Take what was recognised; never empty."""
        ...

    def emotion(self, name: str) -> None:
        """Take the face to show: neutral, happy, laughing, sad, thinking, confused, confident, surprised or sleepy."""
        ...

    def reply_started(self) -> None:
        """Note that a reply begins."""
        ...

    def sentence(self, text: str) -> None:
        """Take the text of the audio that follows."""
        ...

    async def play(self, pcm: NDArray[np.int16]) -> None:
        """Take 16 kHz mono samples; waits while the downlink is full."""
        ...

    async def reply_ended(self) -> None:
        """Wait until everything queued has been sent; then the reply is over."""
        ...

    def reply_cancelled(self) -> None:
        """Drop what is queued; the reply is over."""
        ...

    def speech_started(self) -> None:
        """Note that somebody began to speak."""
        ...

    def stage(self, stage: str, milliseconds: float) -> None:
        """Take a latency: ``endpoint`` (last speech to end of utterance), ``asr``, ``intent``, ``tool``,
        ``tts_first_audio`` (reply text to first samples), ``total`` (end of utterance to first samples)."""
        ...


class TurnState(Enum):
    """What a turn is doing."""

    RECOGNISING = "recognising"
    ACTING = "acting"
    SPEAKING = "speaking"
    DONE = "done"


@dataclass(frozen=True)
class Kit:
    """What all turns share."""

    sentences: Sentences
    matcher: IntentMatcher
    speaker: Speaker | None


@dataclass
class Dialogue:
    """What a session remembers from turn to turn."""

    pending: Command | None = None
    """A command that waits for yes or no."""

    said: Counter[str] = field(default_factory=Counter)


class Turn:
    """Recognising, acting, speaking, done: in this order, each state once; cancelled from outside at any point."""

    def __init__(self, kit: Kit, out: VoiceOut, tools: DeviceTools, dialogue: Dialogue, device_name: str) -> None:
        self.state = TurnState.RECOGNISING
        self.reply_open = False
        """Between ``reply_started`` and the end of the reply."""

        self._kit = kit
        self._out = out
        self._tools = tools
        self._dialogue = dialogue
        self._device = Slot(device_name, device_name)
        self._began = time.monotonic()

    async def hear(self, utterance: Utterance, speech_frames: int, quiet: bool) -> None:
        """Answer a spoken utterance that has just ended. ``quiet``: noise gets no reply, not even an empty one."""
        with self._stage("asr"):
            transcript = await utterance.finish()
        if not transcript.accepted and speech_frames < _MIN_SPEECH_FRAMES:
            await self.hear_nothing(quiet)
            return
        if transcript.accepted:
            self._out.heard(transcript.text)
            await self._answer(transcript.text)
        else:
            await self._reply(self._kit.sentences.phrases["not_understood"], "confused")
        self.state = TurnState.DONE

    async def hear_nothing(self, quiet: bool = False) -> None:
        """End a turn in which nothing was said: an empty reply lets the device return to idle."""
        if not quiet:
            self._open()
            await self._end()
        self.state = TurnState.DONE

    async def read(self, text: str) -> None:
        """Answer a typed text."""
        self._out.heard(text)
        await self._answer(text)
        self.state = TurnState.DONE

    async def announce(self, text: str, emotion: str = "neutral") -> None:
        """Say something that nobody on this side asked for."""
        await self._reply(text, emotion)
        self.state = TurnState.DONE

    async def fail(self) -> None:
        """Close a reply that an error left open, so that the device is not left waiting."""
        if not self.reply_open:
            self._open()
        await self._end()
        self.state = TurnState.DONE

    # --- acting

    async def _answer(self, text: str) -> None:
        with self._stage("intent"):
            command = self._kit.matcher.match(text)
        if command is None:
            await self._reply(self._kit.sentences.phrases["not_understood"], "confused")
            return
        self.state = TurnState.ACTING
        pending, self._dialogue.pending = self._dialogue.pending, None
        confirmed = command.intent.action == "confirm" and pending is not None
        if confirmed and pending is not None:
            command = pending
        await self._execute(command, confirmed)

    async def _execute(self, command: Command, confirmed: bool) -> None:
        intent, phrases = command.intent, self._kit.sentences.phrases
        slots = {**command.slots, "device": self._device}
        if intent.tool and intent.tool not in self._tools.available():
            await self._reply(intent.missing or phrases["missing"], "sad")
            return
        if intent.confirm and not confirmed:
            self._dialogue.pending = command
            await self._reply(fill_text(intent.confirm, slots), "thinking")
            return
        if intent.reply_first:
            await self._reply(fill_text(self._next_reply(intent), slots), intent.emotion)
            await self._try(intent, slots)
            return
        found = await self._try(intent, slots)
        if found is None:
            await self._reply(intent.failed or phrases["failed"], "sad")
        else:
            await self._reply(fill_text(self._next_reply(intent), {**slots, **found}), intent.emotion)

    async def _try(self, intent: IntentSpec, slots: Mapping[str, Slot]) -> Mapping[str, Slot] | None:
        """Run the action or call the tool; None when that failed."""
        if not intent.action and not intent.tool:
            return {}
        arguments = {name: fill_value(value, slots) for name, value in intent.arguments.items()}
        try:
            with self._stage("tool"):
                if intent.action:
                    call = ActionCall(self._tools, intent.tool, arguments, self._abilities())
                    return await ACTIONS[intent.action].run(call)
                result = await self._tools.call(intent.tool, arguments)
                return {"result": Slot(result, result)}
        except ToolError as exc:
            _log.warning("%s: %s failed: %s", self._device.text, intent.tool or intent.action, exc)
            return None

    def _abilities(self) -> Iterator[str]:
        available = self._tools.available()
        for intent in self._kit.sentences.intents.values():
            if intent.help and (not intent.tool or intent.tool in available):
                yield intent.help

    def _next_reply(self, intent: IntentSpec) -> str:
        said = self._dialogue.said[intent.name]
        self._dialogue.said[intent.name] += 1
        return intent.replies[said % len(intent.replies)]

    # --- speaking

    async def _reply(self, text: str, emotion: str) -> None:
        self.state = TurnState.SPEAKING
        ready = time.monotonic()
        self._open()
        self._out.emotion(emotion)
        spoken = 0
        if self._kit.speaker is not None:
            try:
                async for sentence, pcm in self._kit.speaker.say(text):
                    if not spoken:
                        self._out.stage("tts_first_audio", _since(ready))
                        self._out.stage("total", _since(self._began))
                    self._out.sentence(sentence)
                    for start in range(0, len(pcm), _CHUNK):
                        await self._out.play(pcm[start : start + _CHUNK])
                    spoken += 1
            except ProviderError as exc:
                _log.warning("%s: %s", self._device.text, exc)
        if not spoken:
            self._out.sentence(text)
            self._out.stage("total", _since(self._began))
        await self._end()

    def _open(self) -> None:
        self.reply_open = True
        self._out.reply_started()

    async def _end(self) -> None:
        await self._out.reply_ended()
        self.reply_open = False

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._out.stage(name, _since(began))


def _since(then: float) -> float:
    return (time.monotonic() - then) * 1000
