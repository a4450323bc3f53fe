"""Who is speaking: an engine makes a vector of a voice, the speakers that are enrolled are compared with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


class VoiceprintEngine(Protocol):
    """Makes vectors; shared by all sessions. Vectors of different engines have nothing to do with each other."""

    name: str

    threshold: float
    """From this score on, two voices count as one."""

    async def embed(self, pcm: NDArray[np.int16]) -> Vector | None:
        """Return the voice in 16 kHz mono samples as a vector; None when there is too little speech.

        Raises:
            ProviderError: the engine failed.
        """
        ...

    def score(self, one: Vector, other: Vector) -> float:
        """Return how alike two voices are; greater is more."""
        ...

    async def close(self) -> None:
        """Stop what still runs."""
        ...


@dataclass(frozen=True)
class Match:
    """The speaker that is most like a voice."""

    name: str
    score: float


def best_match(engine: VoiceprintEngine, voice: Vector, speakers: Mapping[str, Vector]) -> Match | None:
    """Return the enrolled speaker whose voice it is; None when it is nobody's."""
    matches = [
        Match(name, engine.score(voice, vector)) for name, vector in speakers.items() if vector.shape == voice.shape
    ]
    best = max(matches, key=lambda match: match.score, default=None)
    return best if best is not None and best.score >= engine.threshold else None
