"""Voiceprints: an engine makes a vector of a voice, which is compared with those of the enrolled people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from posewire.sound.pcm import Pcm

Vector = NDArray[np.float32]


class VoiceprintEngine(Protocol):
    """Makes vectors; shared by all voice sessions. Vectors of different engines cannot be compared."""

    name: str

    threshold: float
    """Two voices with this score or a higher one count as one."""

    async def embed(self, pcm: Pcm) -> Vector | None:
        """Return the voice in 16 kHz mono samples as a vector; None when there is too little speech.

        Raises:
            ProviderError: the engine failed.
        """
        ...

    def score(self, one: Vector, other: Vector) -> float:
        """Return the likeness of two voices; a higher score is more alike."""
        ...

    async def close(self) -> None:
        """Stop the engine and close its connections."""
        ...


@dataclass(frozen=True)
class Match:
    """The enrolled person whose voice is most like another."""

    name: str
    score: float


def best_match(engine: VoiceprintEngine, voice: Vector, people: Mapping[str, Vector]) -> Match | None:
    """Return the enrolled person whose voice it is; None when it is nobody's."""
    matches = [
        Match(name, engine.score(voice, vector)) for name, vector in people.items() if vector.shape == voice.shape
    ]
    best = max(matches, key=lambda match: match.score, default=None)
    return best if best is not None and best.score >= engine.threshold else None
