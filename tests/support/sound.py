"""Measures of sound."""

import numpy as np
from numpy.typing import NDArray


def snr(original: NDArray[np.int16], copy: NDArray[np.int16]) -> float:
    """Return the signal-to-noise ratio of a copy, in dB."""
    signal = original.astype(np.float64)
    return float(10 * np.log10((signal**2).sum() / ((signal - copy) ** 2).sum()))
