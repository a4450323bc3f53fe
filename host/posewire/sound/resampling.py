"""From one sample rate to another: a stream while it comes, or a recording as a whole. By soxr."""

from typing import Generic, Literal, TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray

_S = TypeVar("_S", np.int16, np.float32, np.float64)


class Resampler(Generic[_S]):
    """Changes the rate of one stream of mono samples; streams whose rate is right already pass through.

    soxr's own state is made with the first samples: a stream on which nothing comes costs nothing.
    """

    def __init__(
        self, source_rate: int, target_rate: int, dtype: type[_S], quality: Literal["MQ", "HQ"] = "MQ"
    ) -> None:
        self._rates = (source_rate, target_rate)
        self._dtype: type[_S] = dtype
        self._quality = quality
        self._stream: soxr.ResampleStream | None = None

    def push(self, samples: NDArray[_S]) -> NDArray[_S]:
        """Return the samples that are certain now; a few come only with the next piece, or with ``flush``."""
        if self._rates[0] == self._rates[1]:
            return samples
        if self._stream is None:
            self._stream = soxr.ResampleStream(*self._rates, 1, dtype=self._dtype, quality=self._quality)
        resampled: NDArray[_S] = self._stream.resample_chunk(samples)
        return resampled

    def flush(self) -> NDArray[_S]:
        """End the stream and return its last samples; the next ``push`` begins another stream."""
        rest: NDArray[_S] = np.empty(0, self._dtype)
        if self._stream is not None:
            rest = self._stream.resample_chunk(rest, last=True)
            self._stream = None
        return rest

    def clear(self) -> None:
        """Drop the samples that wait, and begin another stream."""
        self._stream = None


def resample(samples: NDArray[_S], source_rate: int, target_rate: int) -> NDArray[_S]:
    """Return a whole recording of mono samples at another rate."""
    if source_rate == target_rate:
        return samples
    resampled: NDArray[_S] = soxr.resample(samples, source_rate, target_rate, quality="HQ")
    return resampled
