"""One turn, from the end of what was said (or from a typed text) to the end of the reply.

While the answer is still being written its sentences are cut out, the next one is synthesized while one plays, and the
first audio leaves as soon as it exists: three tasks in a row with short queues between them, one task group that a
cancellation takes down as a whole.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from posewire.errors import PosewireError, ProviderError
from posewire.voice.asr.base import Utterance
from posewire.voice.commands.intents import normal_text
from posewire.voice.conversation import Conversation, Emotion, EndOfReply, Goodbye, Piece, Took
from posewire.voice.llm.sentence_splitter import SentenceCutter
from posewire.voice.output import TurnReport, VoiceOut
from posewire.voice.tts.synthesis import Speaker

_log = logging.getLogger(__name__)

_CHUNK = 4800
"""Samples handed to the connection at once: 300 ms."""

_MIN_SPEECH_FRAMES = 8
"""Rejected sound with less speech in it than this (256 ms) was a noise: nobody wants to hear "I did not understand"."""

_LINES_AHEAD = 8
"""Sentences written but not yet synthesized; a model that is faster waits."""

_VOICES_AHEAD = 1
"""Sentences synthesized, or being so, beyond the one that plays."""

_PIECES_AHEAD = 64
"""Pieces of a sentence's audio that wait to be played; the synthesizer waits."""

Pcm = NDArray[np.int16]


class TurnState(Enum):
    """What a turn is doing."""

    RECOGNISING = "recognising"
    ACTING = "acting"
    SPEAKING = "speaking"
    DONE = "done"


@dataclass(frozen=True)
class Kit:
    """What all turns share."""

    phrases: Mapping[str, str]
    """``not_understood``, ``failed`` and ``farewell``."""

    speaker: Speaker | None
    exit_words: frozenset[str] = frozenset()
    """Texts (as ``normal_text`` gives them) after which the conversation is over."""

    latency_budget_ms: float = 0.0
    """From the end of the utterance to the first audio; 0: none."""


@dataclass
class _Line:
    """A sentence on its way through the synthesizer."""

    text: str
    ready: float
    audio: asyncio.Queue[Pcm | None] = field(default_factory=lambda: asyncio.Queue(_PIECES_AHEAD))


_Step = _Line | Emotion | EndOfReply | Goodbye | None


class Turn:
    """Recognising, acting, speaking, done: in this order; cancelled from outside at any point.

    (A reply that ends before the turn does, like the one to "restart", is followed by acting again.)
    """

    def __init__(
        self, kit: Kit, out: VoiceOut, conversation: Conversation, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.state = TurnState.RECOGNISING
        self.reply_open = False
        """Between ``reply_started`` and the end of the reply."""

        self.stages: dict[str, float] = {}
        self._kit = kit
        self._out = out
        self._conversation = conversation
        self._clock = clock
        self._began = clock()
        self._asked = self._began
        self._outcome = "answered"
        self._goodbye = False
        self._face = False

    async def hear(self, utterance: Utterance, endpoint_ms: float, speech_frames: int, quiet: bool) -> None:
        """Answer a spoken utterance that has just ended. ``quiet``: noise gets no reply, not even an empty one."""
        self.stages["endpoint"] = endpoint_ms
        try:
            transcript = await utterance.finish()
        except ProviderError as exc:
            await self._apologise(exc)
            return
        self._took("asr", self._began)
        understood = transcript.accepted and bool(transcript.text)
        if not understood and (speech_frames < _MIN_SPEECH_FRAMES or transcript.accepted):
            await self.hear_nothing(quiet)
        elif understood:
            self._out.heard(transcript.text)
            await self._answer(transcript.text)
        else:
            self._outcome = "not understood"
            await self._speak(_fixed(self._kit.phrases["not_understood"], "confused"))

    async def hear_nothing(self, quiet: bool = False) -> None:
        """End a turn in which nothing was said: an empty reply lets the device return to idle."""
        self._outcome = "nothing heard"
        if not quiet:
            self._open()
            await self._end()

    async def read(self, text: str) -> None:
        """Answer a typed text."""
        self._out.heard(text)
        await self._answer(text)

    async def announce(self, text: str, emotion: str = "neutral", goodbye: bool = False) -> None:
        """Say something that nobody on this side asked for; ``goodbye``: and then the conversation is over."""
        await (self._speak(_fixed(text, emotion)) if text else self.hear_nothing())
        if goodbye:
            self._out.goodbye()

    async def greet(self, wake_word: str, greeting: str) -> None:
        """Answer a wake word with a phrase (none: silence)."""
        self._out.heard(wake_word)
        await self.announce(greeting, "happy")

    async def fail(self) -> None:
        """Close a reply that an error left open, so that the device is not left waiting."""
        self._outcome = "failed"
        if not self.reply_open:
            self._open()
        await self._end()

    def finish(self, interrupted: bool) -> TurnReport:
        """Note that the turn is over, and look back at it."""
        outcome = "interrupted" if interrupted and self.state != TurnState.DONE else self._outcome
        self.state = TurnState.DONE
        budget = self._kit.latency_budget_ms
        slow = ""
        if budget and self.stages.get("total", 0.0) > budget:
            parts = {name: took for name, took in self.stages.items() if name not in ("total", "endpoint")}
            slow = max(parts, key=lambda name: parts[name], default="")
        return TurnReport(outcome, dict(self.stages), slow)  # type: ignore[arg-type]

    # --- answering

    async def _answer(self, text: str) -> None:
        self.state = TurnState.ACTING
        self._asked = self._clock()
        if normal_text(text) in self._kit.exit_words:
            await self.announce(self._kit.phrases["farewell"], "sleepy", goodbye=True)
            return
        await self._speak(self._conversation.answer(text))
        if self._goodbye:
            self._out.goodbye()

    async def _apologise(self, error: PosewireError) -> None:
        _log.warning("the turn failed: %s", error)
        self._outcome = "failed"
        await self._speak(_fixed(self._kit.phrases["failed"], "sad"))

    # --- speaking: read, synthesize, play

    async def _speak(self, pieces: AsyncIterator[Piece]) -> None:
        lines: asyncio.Queue[_Step] = asyncio.Queue(_LINES_AHEAD)
        voices: asyncio.Queue[_Step] = asyncio.Queue(_VOICES_AHEAD)
        closed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(pieces, lines, closed))
            group.create_task(self._synthesize(lines, voices))
            await self._play(voices, closed)
        if self.reply_open:
            await self._end()

    async def _read(self, pieces: AsyncIterator[Piece], lines: asyncio.Queue[_Step], closed: asyncio.Event) -> None:
        """Cut sentences out of what comes."""
        cutter = SentenceCutter()
        try:
            async with aclosing(pieces):  # type: ignore[type-var]
                async for piece in pieces:
                    if isinstance(piece, str):
                        for sentence in cutter.push(piece):
                            await lines.put(self._line(sentence))
                        continue
                    for sentence in cutter.flush() if not isinstance(piece, Took) else ():
                        await lines.put(self._line(sentence))
                    if isinstance(piece, Took):
                        self.stages[piece.stage] = self.stages.get(piece.stage, 0.0) + piece.milliseconds
                        self._asked = self._clock()
                    else:
                        await lines.put(piece)
                    if isinstance(piece, EndOfReply):
                        await closed.wait()
                        closed.clear()
        except PosewireError as exc:
            _log.warning("the turn failed: %s", exc)
            self._outcome = "failed"
            for step in (Emotion("sad"), self._line(self._kit.phrases["failed"])):
                await lines.put(step)
        else:
            for sentence in cutter.flush():
                await lines.put(self._line(sentence))
        await lines.put(None)

    def _line(self, sentence: str) -> _Line:
        if "sentence" not in self.stages:
            self._took("sentence", self._asked)
        return _Line(sentence, self._clock())

    async def _synthesize(self, lines: asyncio.Queue[_Step], voices: asyncio.Queue[_Step]) -> None:
        """Give each sentence its audio; the next one is made while one plays."""
        while (step := await lines.get()) is not None:
            await voices.put(step)
            if not isinstance(step, _Line):
                continue
            if self._kit.speaker is not None:
                try:
                    async with aclosing(self._kit.speaker.say(step.text)) as audio:  # type: ignore[type-var]
                        async for pcm in audio:
                            await step.audio.put(pcm)
                except ProviderError as exc:
                    # The subtitle still says it.
                    _log.warning("no voice for a sentence: %s", exc)
            await step.audio.put(None)
        await voices.put(None)

    async def _play(self, voices: asyncio.Queue[_Step], closed: asyncio.Event) -> None:
        while (step := await voices.get()) is not None:
            match step:
                case Emotion(name):
                    self._open()
                    self._out.emotion(name)
                    self._face = True
                case EndOfReply():
                    if self.reply_open:
                        await self._end()
                    self.state = TurnState.ACTING
                    closed.set()
                case Goodbye():
                    self._goodbye = True
                case _Line():
                    await self._play_line(step)

    async def _play_line(self, line: _Line) -> None:
        pcm = await line.audio.get()
        if "total" not in self.stages:
            if pcm is not None:
                self._took("tts", line.ready)
            self._took("total", self._began)
        self._open()
        if not self._face:
            # Devices in the field expect a face with every reply.
            self._out.emotion("neutral")
            self._face = True
        self._out.sentence(line.text)
        while pcm is not None:
            for start in range(0, len(pcm), _CHUNK):
                await self._out.play(pcm[start : start + _CHUNK])
            pcm = await line.audio.get()

    def _open(self) -> None:
        self.state = TurnState.SPEAKING
        if not self.reply_open:
            self.reply_open = True
            self._out.reply_started()

    async def _end(self) -> None:
        await self._out.reply_ended()
        self.reply_open = False

    def _took(self, stage: str, since: float) -> None:
        self.stages[stage] = (self._clock() - since) * 1000


async def _fixed(text: str, emotion: str) -> AsyncIterator[Piece]:
    """Give a text that is there already."""
    yield Emotion(emotion)
    yield text
