"""The interface of a speech recogniser: it decodes utterances while they are spoken."""

from dataclasses import dataclass
from typing import Protocol

from posewire.sound.pcm import Pcm


@dataclass(frozen=True)
class Transcript:
    """The result of recognising an utterance."""

    text: str
    """Lower-case words; empty when there were none."""

    accepted: bool
    """False: the text is too unlikely to be acted upon."""

    score: float = 0.0
    """The match between text and sound, in the engine's own measure; for the log."""

    coverage: float = 0.0
    """Part of the speech sounds that the words account for: 0 … 1."""


@dataclass
class AcousticProfile:
    """The sound of one microphone, room and voice, as an engine has learned it from the utterances so far.

    The voice session keeps it; only the engine can read it.
    """

    learned: str = ""


class Utterance(Protocol):
    """One utterance on its way through the recogniser. Ended by ``finish`` or ``cancel``, always."""

    @property
    def partial(self) -> str:
        """The words so far; empty where the engine gives none before the end."""
        ...

    def feed(self, pcm: Pcm) -> None:
        """Add 16 kHz mono samples; returns at once."""
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
    """Makes utterances; shared by all voice sessions."""

    name: str

    def prepare(self) -> None:
        """Start the slow parts before somebody speaks; call it on the event loop, it returns at once."""
        ...

    def utterance(self, acoustics: AcousticProfile) -> Utterance:
        """Begin an utterance; call it on the event loop. Its end updates ``acoustics``."""
        ...

    async def close(self) -> None:
        """Stop the processes that recognise."""
        ...
