"""The output of a voice session: the reply to the device, and the report of each turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from posewire.sound.pcm import Pcm
from posewire.voice.phrase import Sound

Outcome = Literal["answered", "nothing heard", "not understood", "no answer", "interrupted", "failed"]


@dataclass(frozen=True)
class TurnReport:
    """The result of a turn, and the time that each stage took."""

    outcome: Outcome
    stages: Mapping[str, float]
    """Milliseconds by stage, in the order in which they ended; see ``STAGES``."""

    over_budget: str = ""
    """The slowest stage, when the first audio came later than ``latency_budget_ms`` after the end of the utterance."""


STAGES: Mapping[str, str] = {
    "endpoint": "last speech to the end of the utterance: the configured silence",
    "asr": "end of the utterance to its text",
    "intent": "text to the command that it is",
    "llm": "question to the model's first text",
    "tool": "calls of tools, all together",
    "sentence": "from the stage before to the first whole sentence of the reply",
    "tts": "first sentence to its first samples",
    "total": "end of the utterance, or the typed text, to the first samples; without a voice, to the first sentence",
}


class HeardSound(Protocol):
    """Keeps the sound of one utterance."""

    def add(self, pcm: Pcm) -> None:
        """Add 16 kHz mono samples."""
        ...

    def end(self) -> None:
        """Make it the sound of the turn that begins now."""
        ...

    def drop(self) -> None:
        """Forget it: no turn came of it. Harmless after ``end``."""
        ...


class VoiceOut(Protocol):
    """The output of a voice session; the connection implements it."""

    def keep_heard(self) -> HeardSound | None:
        """Return what keeps the sound of an utterance that begins now; None: nothing does."""
        ...

    def hearing(self, text: str) -> None:
        """Report the words so far, in an utterance that goes on; they may change, and some engines give none."""
        ...

    def heard(self, text: str) -> None:
        """Report the text that was recognised; never empty."""
        ...

    def emotion(self, name: str) -> None:
        """Show an emotion; one of ``emotions.EMOJI``."""
        ...

    def still_working(self, silence: float) -> None:
        """Report that the turn goes on, if the device has been sent nothing for so many seconds: it would give up."""
        ...

    def reply_started(self) -> None:
        """Report that a reply begins."""
        ...

    def sentence(self, text: str) -> None:
        """Report the text of the audio that follows."""
        ...

    async def play(self, sound: Sound) -> None:
        """Play samples (16 kHz, mono), any number of them, or a phrase; wait while the downlink is full."""
        ...

    async def reply_ended(self) -> None:
        """End the reply, once everything queued has been sent."""
        ...

    def reply_cancelled(self) -> None:
        """End the reply at once, and drop the audio that is queued."""
        ...

    def speech_started(self) -> None:
        """Report that somebody has begun to speak."""
        ...

    def turn(self, report: TurnReport) -> None:
        """Report a turn that is over."""
        ...

    def goodbye(self) -> None:
        """Report that the conversation is over: the user said so, or has been silent for long."""
        ...
