"""The interface of a voice activity detector."""

from typing import Protocol

from posewire.pcm import Pcm

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
