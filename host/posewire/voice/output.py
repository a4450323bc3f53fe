"""Where a session speaks to, and what it tells about its turns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TurnReport:
    """One turn, looked back at."""

    outcome: Literal["answered", "nothing heard", "not understood", "interrupted", "failed"]
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


class VoiceOut(Protocol):
    """Where a session speaks to; the connection implements it."""

    def hearing(self, text: str) -> None:
        """Take what an engine makes of an utterance that still goes on; may change, may never come."""
        ...

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

    def turn(self, report: TurnReport) -> None:
        """Take the report of a turn that is over."""
        ...

    def goodbye(self) -> None:
        """Note that the user wants no more, or has been silent for long: the conversation is over."""
        ...
