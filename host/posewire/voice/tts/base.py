"""What a speech synthesizer is."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Speech:
    """Synthesized audio: mono int16 samples at ``rate`` Hz."""

    samples: NDArray[np.int16]
    rate: int


class SpeechSynthesizer(Protocol):
    """One engine; shared by all sessions."""

    name: str

    def speak(self, text: str) -> AsyncIterator[Speech]:
        """Speak one sentence: its audio as it is made, in pieces of any length, all of one rate.

        Cancelling the task that iterates, or closing the iterator, stops the engine.

        Raises:
            ProviderError: the engine failed.
        """
        ...

    async def close(self) -> None:
        """Stop what still runs."""
        ...


class SentenceSynthesizer(ABC):
    """A ``SpeechSynthesizer`` whose engine is so fast that it gives a sentence in one piece."""

    async def speak(self, text: str) -> AsyncIterator[Speech]:
        """Speak one sentence: one piece."""
        yield await self.synthesize(text)

    @abstractmethod
    async def synthesize(self, text: str) -> Speech:
        """Speak one sentence. Cancelling stops the engine.

        Raises:
            ProviderError: the engine failed.
        """
