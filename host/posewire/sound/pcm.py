"""Sound as samples: the one rate inside the host, and frames of one size cut out of pieces of any size."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples per second of all sound inside the host: mono, 16 bits."""

SPEECH_RATES = range(4000, 192_001)
"""Samples per second that sound from outside may have; it is resampled, and 1 Hz would become hours of silence."""

Pcm = NDArray[np.int16]
"""Mono samples."""


class Framer:
    """Cuts a stream of samples into frames of ``size`` samples, however the stream comes in pieces."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._rest: Pcm = np.empty(0, np.int16)

    def push(self, pcm: Pcm) -> list[Pcm]:
        """Return the frames that are complete now, oldest first. They may be views of ``pcm``."""
        samples = np.concatenate((self._rest, pcm)) if len(self._rest) else pcm
        whole = len(samples) - len(samples) % self.size
        self._rest = samples[whole:]
        return [samples[start : start + self.size] for start in range(0, whole, self.size)]

    def flush(self) -> list[Pcm]:
        """End the stream: return the last frame, padded with silence; an empty list when no samples are left."""
        rest, self._rest = self._rest, np.empty(0, np.int16)
        return [np.pad(rest, (0, self.size - len(rest)))] if len(rest) else []

    def clear(self) -> None:
        """Drop the samples that do not fill a frame yet."""
        self._rest = np.empty(0, np.int16)


def to_int16(values: NDArray[np.floating[Any]]) -> Pcm:
    """Round values in the range of 16-bit samples, and clip those outside it."""
    return np.clip(np.round(values), -32768, 32767).astype(np.int16)
