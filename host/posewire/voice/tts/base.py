"""The interface of a speech synthesizer."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from posewire.errors import ProviderError
from posewire.sound.pcm import SPEECH_RATES, Pcm


@dataclass(frozen=True)
class Speech:
    """Synthesized audio: mono int16 samples at ``rate`` Hz.

    Raises:
        ProviderError: the rate is not between 4000 and 192000 Hz; it comes from a server or a file's header.
    """

    samples: Pcm
    rate: int

    def __post_init__(self) -> None:
        if self.rate not in SPEECH_RATES:
            raise ProviderError(f"speech of {self.rate} samples a second cannot be played")


class SpeechSynthesizer(Protocol):
    """One engine; shared by all voice sessions."""

    name: str

    def speak(self, text: str) -> AsyncIterator[Speech]:
        """Yield the audio of one sentence as it is made, in pieces of any length, all of one rate.

        Cancelling the task that iterates, or closing the iterator, stops the engine.

        Raises:
            ProviderError: the engine failed.
        """
        ...

    async def close(self) -> None:
        """Stop the engine and close its connections."""
        ...


class SentenceSynthesizer(ABC):
    """A ``SpeechSynthesizer`` whose engine is so fast that it makes a sentence in one piece."""

    async def speak(self, text: str) -> AsyncIterator[Speech]:
        """Yield the audio of one sentence as one piece."""
        yield await self.synthesize(text)

    @abstractmethod
    async def synthesize(self, text: str) -> Speech:
        """Return the audio of one sentence. Cancelling stops the engine.

        Raises:
            ProviderError: the engine failed.
        """
