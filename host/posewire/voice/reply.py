"""The reply of a turn: sentences are cut out of an answer, synthesized and played, while the answer is still written.

Three tasks in a row, with short queues between them, in one task group, which a cancellation ends as a whole: the next
sentence is synthesized while one plays, and the first audio leaves as soon as it exists.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from posewire.errors import PosewireError, ProviderError
from posewire.voice.conversation import Emotion, EndOfReply, Goodbye, ReplyPart, StageTime
from posewire.voice.llm.sentence_splitter import SentenceSplitter
from posewire.voice.output import VoiceOut
from posewire.voice.phrase import Sound
from posewire.voice.tts.synthesis import Synthesis

_log = logging.getLogger(__name__)

_SENTENCES_AHEAD = 8
"""Sentences written but not yet synthesized; a model that is faster waits."""

_SPOKEN_AHEAD = 1
"""Sentences synthesized, or in work, beyond the one that plays."""

_CHUNKS_AHEAD = 64
"""Chunks of a sentence's audio that wait to be played; the synthesizer waits when there are more."""


class StageTimes:
    """The time that each stage of a turn took, in milliseconds, in the order in which the stages ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self.milliseconds: dict[str, float] = {}
        self.began = clock()
        """The end of the utterance, or of typing."""

        self.asked = self.began
        """The end of the stage before the first sentence."""

    def restart(self) -> None:
        """Count from now on."""
        self.began = self.asked = self.now()

    def __contains__(self, stage: str) -> bool:
        """Return whether a stage has ended."""
        return stage in self.milliseconds

    def record(self, stage: str, since: float) -> None:
        """Record a stage that ends now."""
        self.milliseconds[stage] = (self.now() - since) * 1000

    def add(self, stage: str, milliseconds: float) -> None:
        """Add to a stage that may come several times."""
        self.milliseconds[stage] = self.milliseconds.get(stage, 0.0) + milliseconds
        self.asked = self.now()


@dataclass
class _Sentence:
    """A sentence, and its audio as the synthesizer makes it."""

    text: str
    ready: float
    audio: asyncio.Queue[Sound | None] = field(default_factory=lambda: asyncio.Queue(_CHUNKS_AHEAD))


_Item = _Sentence | Emotion | EndOfReply | Goodbye | None


class Reply:
    """Speaks the parts of an answer; in one turn, one answer after another."""

    def __init__(self, out: VoiceOut, synthesis: Synthesis | None, failed_phrase: str, times: StageTimes) -> None:
        self.open = False
        """The device has been told that a reply has begun, and not yet that it is over."""

        self.failed = False
        """An answer broke off."""

        self.unanswered = False
        """An answer had no sentence in it."""

        self.goodbye = False
        """The conversation is over after this reply."""

        self._out = out
        self._synthesis = synthesis
        self._failed_phrase = failed_phrase
        self._times = times
        self._emotion_shown = False
        self._begun = False

    def begin(self) -> None:
        """Tell the device that a reply begins, unless one is open."""
        if not self.open:
            self.open = self._begun = True
            self._out.reply_started()

    async def end(self) -> None:
        """Wait until the device has been told that the reply is over."""
        await self._out.reply_ended()
        self.open = False

    async def speak(self, parts: AsyncIterator[ReplyPart], otherwise: str = "") -> None:
        """Speak an answer to its end, and end the reply. ``otherwise`` is spoken when the answer has no sentence.

        The device is told of a beginning and an end in any case: it waits for them before it listens again.
        """
        sentences: asyncio.Queue[_Item] = asyncio.Queue(_SENTENCES_AHEAD)
        spoken: asyncio.Queue[_Item] = asyncio.Queue(_SPOKEN_AHEAD)
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(parts, sentences, ended, otherwise))
            group.create_task(self._synthesize(sentences, spoken))
            await self._play(spoken, ended)
        if not self._begun:
            self.begin()
        if self.open:
            await self.end()

    async def _read(
        self,
        parts: AsyncIterator[ReplyPart],
        sentences: asyncio.Queue[_Item],
        ended: asyncio.Event,
        otherwise: str,
    ) -> None:
        """Cut the answer into sentences. ``ended`` is set when an ``EndOfReply`` has been carried out."""
        splitter = SentenceSplitter()
        empty = True
        try:
            async with aclosing(parts):  # type: ignore[type-var]
                async for part in parts:
                    if isinstance(part, str):
                        for text in splitter.push(part):
                            empty = False
                            await sentences.put(self._sentence(text))
                        continue
                    if isinstance(part, StageTime):
                        self._times.add(part.stage, part.milliseconds)
                        continue
                    for text in splitter.flush():
                        empty = False
                        await sentences.put(self._sentence(text))
                    await sentences.put(part)
                    if isinstance(part, EndOfReply):
                        await ended.wait()
                        ended.clear()
        except PosewireError as exc:
            _log.warning("the turn failed: %s", exc)
            self.failed = True
            for item in (Emotion("sad"), self._sentence(self._failed_phrase)):
                await sentences.put(item)
        else:
            for text in splitter.flush():
                empty = False
                await sentences.put(self._sentence(text))
            if empty and otherwise:
                self.unanswered = True
                for item in (Emotion("confused"), self._sentence(otherwise)):
                    await sentences.put(item)
        await sentences.put(None)

    def _sentence(self, text: str) -> _Sentence:
        if "sentence" not in self._times:
            self._times.record("sentence", self._times.asked)
        return _Sentence(text, self._times.now())

    async def _synthesize(self, sentences: asyncio.Queue[_Item], spoken: asyncio.Queue[_Item]) -> None:
        """Give each sentence its audio; the next one is made while one plays."""
        while (item := await sentences.get()) is not None:
            await spoken.put(item)
            if not isinstance(item, _Sentence):
                continue
            if self._synthesis is not None:
                try:
                    async with aclosing(self._synthesis.synthesize(item.text)) as audio:  # type: ignore[type-var]
                        async for sound in audio:
                            await item.audio.put(sound)
                except ProviderError as exc:
                    # The subtitle still says it.
                    _log.warning("a sentence was not synthesized: %s", exc)
            await item.audio.put(None)
        await spoken.put(None)

    async def _play(self, spoken: asyncio.Queue[_Item], ended: asyncio.Event) -> None:
        while (item := await spoken.get()) is not None:
            match item:
                case Emotion(name):
                    self.begin()
                    self._out.emotion(name)
                    self._emotion_shown = True
                case EndOfReply():
                    if self.open:
                        await self.end()
                    ended.set()
                case Goodbye():
                    self.goodbye = True
                case _Sentence():
                    await self._play_sentence(item)

    async def _play_sentence(self, sentence: _Sentence) -> None:
        sound = await sentence.audio.get()
        if "total" not in self._times:
            if sound is not None:
                self._times.record("tts", sentence.ready)
            self._times.record("total", self._times.began)
        self.begin()
        if not self._emotion_shown:
            # Stock devices expect an emotion with every reply.
            self._out.emotion("neutral")
            self._emotion_shown = True
        self._out.sentence(sentence.text)
        while sound is not None:
            await self._out.play(sound)
            sound = await sentence.audio.get()
