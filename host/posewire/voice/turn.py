"""One turn, from the end of the utterance (or from a typed text) to the end of the reply.

Sentences are cut out of the answer while it is written, the next one is synthesized while one plays, and the first
audio leaves as soon as it exists: three tasks in a row with short queues between them, in one task group, which a
cancellation ends as a whole.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum

from posewire.errors import PosewireError, ProviderError
from posewire.pcm import Pcm
from posewire.voice.asr.base import Utterance
from posewire.voice.commands.intents import normal_text
from posewire.voice.conversation import Conversation, Emotion, EndOfReply, Goodbye, ReplyPart, StageTime
from posewire.voice.llm.sentence_splitter import SentenceSplitter
from posewire.voice.output import TurnReport, VoiceOut
from posewire.voice.tts.synthesis import Synthesis

_log = logging.getLogger(__name__)

_MIN_SPEECH_FRAMES = 8
"""Rejected sound with less speech than this (256 ms) was a noise, which needs no "I did not understand"."""

_SENTENCES_AHEAD = 8
"""Sentences written but not yet synthesized; a model that is faster waits."""

_SPOKEN_AHEAD = 1
"""Sentences synthesized, or in work, beyond the one that plays."""

_CHUNKS_AHEAD = 64
"""Chunks of a sentence's audio that wait to be played; the synthesizer waits when there are more."""


class TurnState(Enum):
    """The activity of a turn."""

    RECOGNISING = "recognising"
    ACTING = "acting"
    SPEAKING = "speaking"
    DONE = "done"


@dataclass(frozen=True)
class TurnResources:
    """The parts that all turns share."""

    phrases: Mapping[str, str]
    """``not_understood``, ``failed`` and ``farewell``."""

    synthesis: Synthesis | None
    """None: replies are text only."""

    exit_words: frozenset[str] = frozenset()
    """Texts (as ``normal_text`` gives them) after which the conversation is over."""

    latency_budget_ms: float = 0.0
    """Longest time from the end of the utterance to the first audio; 0: unlimited."""


@dataclass
class _Sentence:
    """A sentence, and its audio as the synthesizer makes it."""

    text: str
    ready: float
    audio: asyncio.Queue[Pcm | None] = field(default_factory=lambda: asyncio.Queue(_CHUNKS_AHEAD))


_Item = _Sentence | Emotion | EndOfReply | Goodbye | None


class Turn:
    """Recognising, acting, speaking, done: in this order; cancelled from outside at any point.

    (A reply that ends before the turn does, like the one to "restart", is followed by acting again.)
    """

    def __init__(
        self,
        resources: TurnResources,
        out: VoiceOut,
        conversation: Conversation,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = TurnState.RECOGNISING
        self.reply_open = False
        """Between ``reply_started`` and the end of the reply."""

        self.stages: dict[str, float] = {}
        self._resources = resources
        self._out = out
        self._conversation = conversation
        self._clock = clock
        self._began = clock()
        self._asked = self._began
        self._outcome = "answered"
        self._goodbye = False
        self._emotion_shown = False

    async def hear(self, utterance: Utterance, endpoint_ms: float, speech_frames: int, quiet: bool) -> None:
        """Answer an utterance that has just ended. ``quiet``: noise gets no reply, not even an empty one."""
        self.stages["endpoint"] = endpoint_ms
        try:
            transcript = await utterance.finish()
        except ProviderError as exc:
            await self._report_failure(exc)
            return
        self._record("asr", self._began)
        understood = transcript.accepted and bool(transcript.text)
        if not understood and (speech_frames < _MIN_SPEECH_FRAMES or transcript.accepted):
            await self.hear_nothing(quiet)
        elif understood:
            self._out.heard(transcript.text)
            await self._answer(transcript.text)
        else:
            self._outcome = "not understood"
            await self._speak(_fixed(self._resources.phrases["not_understood"], "confused"))

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
        """Say a text that the user did not ask for; ``goodbye``: after it the conversation is over."""
        await (self._speak(_fixed(text, emotion)) if text else self.hear_nothing())
        if goodbye:
            self._out.goodbye()

    async def greet(self, wake_word: str, greeting: str) -> None:
        """Answer a wake word with a greeting (empty: silence)."""
        self._out.heard(wake_word)
        await self.announce(greeting, "happy")

    async def fail(self) -> None:
        """Close a reply that an error left open, so that the device is not left waiting."""
        self._outcome = "failed"
        if not self.reply_open:
            self._open()
        await self._end()

    def finish(self, interrupted: bool) -> TurnReport:
        """End the turn and return its report."""
        outcome = "interrupted" if interrupted and self.state != TurnState.DONE else self._outcome
        self.state = TurnState.DONE
        budget = self._resources.latency_budget_ms
        slow = ""
        if budget and self.stages.get("total", 0.0) > budget:
            parts = {
                name: milliseconds for name, milliseconds in self.stages.items() if name not in ("total", "endpoint")
            }
            slow = max(parts, key=lambda name: parts[name], default="")
        return TurnReport(outcome, dict(self.stages), slow)  # type: ignore[arg-type]

    # --- answering

    async def _answer(self, text: str) -> None:
        self.state = TurnState.ACTING
        self._asked = self._clock()
        if normal_text(text) in self._resources.exit_words:
            await self.announce(self._resources.phrases["farewell"], "sleepy", goodbye=True)
            return
        await self._speak(self._conversation.answer(text))
        if self._goodbye:
            self._out.goodbye()

    async def _report_failure(self, error: PosewireError) -> None:
        _log.warning("the turn failed: %s", error)
        self._outcome = "failed"
        await self._speak(_fixed(self._resources.phrases["failed"], "sad"))

    # --- speaking: read, synthesize, play

    async def _speak(self, parts: AsyncIterator[ReplyPart]) -> None:
        sentences: asyncio.Queue[_Item] = asyncio.Queue(_SENTENCES_AHEAD)
        spoken: asyncio.Queue[_Item] = asyncio.Queue(_SPOKEN_AHEAD)
        closed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(parts, sentences, closed))
            group.create_task(self._synthesize(sentences, spoken))
            await self._play(spoken, closed)
        if self.reply_open:
            await self._end()

    async def _read(
        self, parts: AsyncIterator[ReplyPart], sentences: asyncio.Queue[_Item], closed: asyncio.Event
    ) -> None:
        """Cut the answer into sentences."""
        splitter = SentenceSplitter()
        try:
            async with aclosing(parts):  # type: ignore[type-var]
                async for part in parts:
                    if isinstance(part, str):
                        for sentence in splitter.push(part):
                            await sentences.put(self._sentence(sentence))
                        continue
                    for sentence in splitter.flush() if not isinstance(part, StageTime) else ():
                        await sentences.put(self._sentence(sentence))
                    if isinstance(part, StageTime):
                        self.stages[part.stage] = self.stages.get(part.stage, 0.0) + part.milliseconds
                        self._asked = self._clock()
                    else:
                        await sentences.put(part)
                    if isinstance(part, EndOfReply):
                        await closed.wait()
                        closed.clear()
        except PosewireError as exc:
            _log.warning("the turn failed: %s", exc)
            self._outcome = "failed"
            for item in (Emotion("sad"), self._sentence(self._resources.phrases["failed"])):
                await sentences.put(item)
        else:
            for sentence in splitter.flush():
                await sentences.put(self._sentence(sentence))
        await sentences.put(None)

    def _sentence(self, sentence: str) -> _Sentence:
        if "sentence" not in self.stages:
            self._record("sentence", self._asked)
        return _Sentence(sentence, self._clock())

    async def _synthesize(self, sentences: asyncio.Queue[_Item], spoken: asyncio.Queue[_Item]) -> None:
        """Give each sentence its audio; the next one is made while one plays."""
        while (item := await sentences.get()) is not None:
            await spoken.put(item)
            if not isinstance(item, _Sentence):
                continue
            if self._resources.synthesis is not None:
                try:
                    async with aclosing(self._resources.synthesis.synthesize(item.text)) as audio:  # type: ignore[type-var]
                        async for pcm in audio:
                            await item.audio.put(pcm)
                except ProviderError as exc:
                    # The subtitle still says it.
                    _log.warning("no voice for a sentence: %s", exc)
            await item.audio.put(None)
        await spoken.put(None)

    async def _play(self, spoken: asyncio.Queue[_Item], closed: asyncio.Event) -> None:
        while (item := await spoken.get()) is not None:
            match item:
                case Emotion(name):
                    self._open()
                    self._out.emotion(name)
                    self._emotion_shown = True
                case EndOfReply():
                    if self.reply_open:
                        await self._end()
                    self.state = TurnState.ACTING
                    closed.set()
                case Goodbye():
                    self._goodbye = True
                case _Sentence():
                    await self._play_sentence(item)

    async def _play_sentence(self, sentence: _Sentence) -> None:
        pcm = await sentence.audio.get()
        if "total" not in self.stages:
            if pcm is not None:
                self._record("tts", sentence.ready)
            self._record("total", self._began)
        self._open()
        if not self._emotion_shown:
            # Stock devices expect an emotion with every reply.
            self._out.emotion("neutral")
            self._emotion_shown = True
        self._out.sentence(sentence.text)
        while pcm is not None:
            await self._out.play(pcm)
            pcm = await sentence.audio.get()

    def _open(self) -> None:
        self.state = TurnState.SPEAKING
        if not self.reply_open:
            self.reply_open = True
            self._out.reply_started()

    async def _end(self) -> None:
        await self._out.reply_ended()
        self.reply_open = False

    def _record(self, stage: str, since: float) -> None:
        self.stages[stage] = (self._clock() - since) * 1000


async def _fixed(text: str, emotion: str) -> AsyncIterator[ReplyPart]:
    """Answer with a fixed text."""
    yield Emotion(emotion)
    yield text
