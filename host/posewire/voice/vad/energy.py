"""A detector from signal energy over an adaptive noise floor: no weights, almost no cost, far from Silero's quality."""

import numpy as np

from posewire.sound.pcm import Pcm
from posewire.voice.providers import ProviderContext

_MARGIN_DB = 9.0
"""Half way to certain: this far above the noise floor."""

_SOFTNESS_DB = 2.0
_FLOOR_MIN_DB = -70.0
_FALL, _RISE = 0.3, 0.01
"""Parts of the distance the floor moves per frame: falls fast, rises slowly (0.3 dB in 1 s for a step of 1 dB)."""


class EnergyEngine:
    """Makes energy detectors."""

    name = "energy"

    def detector(self) -> "EnergyDetector":
        """Return a fresh detector for one stream."""
        return EnergyDetector()


class EnergyDetector:
    """The noise floor of one stream, in dB below full scale."""

    def __init__(self) -> None:
        self._floor = -50.0

    def reset(self) -> None:
        """Forget the stream so far."""
        self._floor = -50.0

    def probability(self, frame: Pcm) -> float:
        """Return the probability of speech, 0 … 1, from the frame's level over the noise floor."""
        samples = frame.astype(np.float32)
        samples -= samples.mean()
        level = max(_FLOOR_MIN_DB, 10 * float(np.log10(np.mean(samples * samples) / 32768**2 + 1e-10)))
        self._floor += (level - self._floor) * (_FALL if level < self._floor else _RISE)
        return float(1 / (1 + np.exp(-(level - self._floor - _MARGIN_DB) / _SOFTNESS_DB)))


def make(_: ProviderContext) -> EnergyEngine:
    """Make the detector that goes by loudness."""
    return EnergyEngine()
