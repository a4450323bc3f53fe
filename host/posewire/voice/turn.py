"""One turn, from the end of the utterance (or from a typed text) to the end of the reply."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from posewire.errors import ProviderError
from posewire.voice.asr.base import Utterance
from posewire.voice.commands.intents import normal_text
from posewire.voice.conversation import Conversation, Emotion, ReplyPart
from posewire.voice.output import Outcome, TurnReport, VoiceOut
from posewire.voice.provider_timeout import within
from posewire.voice.reply import Reply, StageTimes
from posewire.voice.tts.synthesis import Synthesis

_log = logging.getLogger(__name__)

_MIN_SPEECH_FRAMES = 8
"""Rejected sound with less speech than this (256 ms) was a noise, which needs no "I did not understand"."""


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
    """``not_understood``, ``no_answer``, ``failed`` and ``farewell``."""

    synthesis: Synthesis | None
    """None: replies are text only."""

    exit_words: frozenset[str] = frozenset()
    """Texts (as ``normal_text`` gives them) after which the conversation is over."""

    provider_timeout_s: float = 60.0
    """Longest wait for the recogniser's text."""

    latency_budget_ms: float = 0.0
    """Longest time from the end of the utterance to the first audio; 0: unlimited."""


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
        self._resources = resources
        self._out = out
        self._conversation = conversation
        self._times = StageTimes(clock)
        self._reply = Reply(out, resources.synthesis, resources.phrases["failed"], self._times)
        self._state = TurnState.RECOGNISING
        self._outcome: Outcome = "answered"
        self.begun = False
        """Whether a typed text is being answered."""

    @property
    def state(self) -> TurnState:
        """The activity of the turn."""
        return TurnState.SPEAKING if self.reply_open and self._state != TurnState.DONE else self._state

    @property
    def reply_open(self) -> bool:
        """Whether the device waits for the end of a reply."""
        return self._reply.open

    async def hear(self, utterance: Utterance, endpoint_ms: float, speech_frames: int, quiet: bool) -> None:
        """Answer an utterance that has just ended. ``quiet``: noise gets no reply, not even an empty one."""
        self._times.milliseconds["endpoint"] = endpoint_ms
        try:
            transcript = await within(utterance.finish(), self._resources.provider_timeout_s, "the recogniser")
        except ProviderError as exc:
            _log.warning("the turn failed: %s", exc)
            await self.apologise()
            return
        self._times.record("asr", self._times.began)
        understood = transcript.accepted and bool(transcript.text)
        if not understood and (speech_frames < _MIN_SPEECH_FRAMES or transcript.accepted):
            await self.hear_nothing(quiet)
        elif understood:
            self._out.heard(transcript.text)
            await self._answer(transcript.text)
        else:
            self._outcome = "not understood"
            await self._reply.speak(_fixed(self._resources.phrases["not_understood"], "confused"))

    async def hear_nothing(self, quiet: bool = False) -> None:
        """End a turn in which nothing was said: an empty reply lets the device return to idle."""
        self._outcome = "nothing heard"
        if not quiet:
            self._reply.begin()
            await self._reply.end()

    async def read(self, text: str, wait: float = 0.0) -> None:
        """Answer a typed text, after ``wait`` seconds in which it may turn out to be something else."""
        await asyncio.sleep(wait)
        self._times.restart()
        self.begun = True
        self._out.heard(text)
        await self._answer(text)

    async def announce(self, text: str, emotion: str = "neutral", goodbye: bool = False) -> None:
        """Say a text that the user did not ask for; ``goodbye``: after it the conversation is over."""
        await (self._reply.speak(_fixed(text, emotion)) if text else self.hear_nothing())
        if goodbye:
            self._out.goodbye()

    async def greet(self, wake_word: str, greeting: str) -> None:
        """Answer a wake word with a greeting (empty: silence)."""
        self._out.heard(wake_word)
        await self.announce(greeting, "happy")

    async def apologise(self) -> None:
        """Say that it did not work."""
        self._outcome = "failed"
        await self._reply.speak(_fixed(self._resources.phrases["failed"], "sad"))

    async def fail(self) -> None:
        """End a turn that a defect broke off: say so, or at least end the reply, for which the device waits."""
        try:
            await self.apologise()
        except Exception:
            _log.exception("a failed turn could not be reported to its device")
            self._reply.begin()
            await self._reply.end()

    def finish(self, interrupted: bool) -> TurnReport:
        """End the turn and return its report."""
        stages = self._times.milliseconds
        outcome: Outcome = "failed" if self._reply.failed else "no answer" if self._reply.unanswered else self._outcome
        if interrupted and self._state != TurnState.DONE:
            outcome = "interrupted"
        self._state = TurnState.DONE
        budget = self._resources.latency_budget_ms
        slowest = ""
        if budget and stages.get("total", 0.0) > budget:
            parts = {name: took for name, took in stages.items() if name not in ("total", "endpoint")}
            slowest = max(parts, key=lambda name: parts[name], default="")
        return TurnReport(outcome, dict(stages), slowest)

    async def _answer(self, text: str) -> None:
        self._state = TurnState.ACTING
        self._times.asked = self._times.now()
        if normal_text(text) in self._resources.exit_words:
            await self.announce(self._resources.phrases["farewell"], "sleepy", goodbye=True)
            return
        await self._reply.speak(self._conversation.answer(text), self._resources.phrases["no_answer"])
        if self._reply.goodbye:
            self._out.goodbye()


async def _fixed(text: str, emotion: str) -> AsyncIterator[ReplyPart]:
    """Answer with a fixed text."""
    yield Emotion(emotion)
    yield text
