"""What a voice activity detector is."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Rate of all audio inside ``posewire.voice``, in Hz."""

VAD_FRAME = 512
"""Samples a detector takes at once: 32 ms."""


class VoiceActivityDetector(Protocol):
    """The detector state of one audio stream; never shared between streams."""

    def probability(self, frame: NDArray[np.int16]) -> float:
        """Return how likely the frame (``VAD_FRAME`` samples) is speech: 0 … 1."""
        ...

    def reset(self) -> None:
        """Forget the stream so far."""
        ...


class VadEngine(Protocol):
    """Makes detectors; holds what they share."""

    name: str

    def detector(self) -> VoiceActivityDetector:
        """Return a fresh detector for one stream."""
        ...
