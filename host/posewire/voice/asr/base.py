"""What a speech recogniser is: utterances are decoded while they are spoken."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Transcript:
    """What was recognised in an utterance."""

    text: str
    """Lower-case words; empty when there were none."""

    accepted: bool
    """False: the recogniser does not believe its own text, and neither should anybody else."""

    score: float = 0.0
    """How well the text explains the sound, in the engine's own measure; for the log."""

    coverage: float = 0.0
    """Part of the speech sounds that the words account for: 0 … 1."""


@dataclass
class Channel:
    """What an engine has learned of one session's microphone, room and voice. The session keeps it; only the engine
    knows what is in it."""

    learned: str = ""


class Utterance(Protocol):
    """One utterance on its way through the recogniser. Ended by ``finish`` or ``cancel``, always."""

    @property
    def partial(self) -> str:
        """The words so far; empty where the engine does not tell before the end."""
        ...

    def feed(self, pcm: NDArray[np.int16]) -> None:
        """Take 16 kHz mono samples; returns at once."""
        ...

    async def finish(self) -> Transcript:
        """Wait for the rest to be decoded.

        Raises:
            ProviderError: the engine failed.
        """
        ...

    def cancel(self) -> None:
        """Stop decoding now. Harmless after the end."""
        ...


class SpeechRecognizer(Protocol):
    """Makes utterances; shared by all sessions."""

    name: str

    def prepare(self) -> None:
        """Start what takes long to start, before somebody speaks; on the event loop, returns at once."""
        ...

    def utterance(self, channel: Channel) -> Utterance:
        """Begin an utterance of a session; on the event loop."""
        ...

    async def close(self) -> None:
        """Stop all workers."""
        ...
