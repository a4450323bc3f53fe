"""What a speech synthesizer is."""

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

    async def synthesize(self, text: str) -> Speech:
        """Speak one sentence. Cancelling stops the engine.

        Raises:
            ProviderError: the engine failed.
        """
        ...

    async def close(self) -> None:
        """Stop what still runs."""
        ...
