"""The interface of a voice activity detector."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from posewire.sound.pcm import Pcm

VAD_FRAME = 512
"""Samples that a detector processes at once: 32 ms."""


class VoiceActivityDetector(Protocol):
    """The detector state of one audio stream; never shared between streams."""

    def probability(self, frame: Pcm) -> float:
        """Return the probability that the frame (``VAD_FRAME`` samples) is speech: 0 … 1."""
        ...

    def reset(self) -> None:
        """Forget the stream so far."""
        ...


class VadEngine(Protocol):
    """Makes detectors, and holds the data that they share."""

    name: str

    def detector(self) -> VoiceActivityDetector:
        """Return a fresh detector for one stream."""
        ...


@runtime_checkable
class BatchVadEngine(VadEngine, Protocol):
    """An engine that takes less time for frames of several streams when it computes them together."""

    def probabilities(self, detectors: Sequence[Any], frames: Sequence[Pcm]) -> Sequence[float]:
        """Return the probability of speech of one frame of each stream; the detectors are this engine's own."""
        ...
