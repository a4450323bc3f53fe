"""From floats to the grid of a set: the only place where floats become integers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.errors import PoseError
from posewire.wire.pose.sets import LandmarkSet


def quantise(values: Any, spec: LandmarkSet, coarse: int) -> tuple[NDArray[np.int64], list[bool] | None]:
    """Integers on the grid (halves away from zero, limited to ±32767) and which landmarks there are (None: all).

    ``values``: (landmarks, channels) or flat; float32 decides, wider types are rounded to it first. A landmark with a
    value that is not finite is missing. Raises ``PoseError`` for another shape.
    """
    v = np.asarray(values, np.float32)
    if v.size != spec.size:
        raise PoseError(f"{spec.name} has {spec.landmarks} x {spec.channels} values, not {v.shape}")
    v64 = v.reshape(spec.landmarks, spec.channels).astype(np.float64)
    good = np.isfinite(v64)
    present: list[bool] | None = None
    if not good.all():
        there = np.all(good, axis=1)
        present = [bool(v) for v in there.tolist()]
        v64[~there] = 0.0
    v64 *= scale(spec.bits, coarse)
    limit = float(1 << (spec.bits[0] - coarse)) if spec.is_quaternion else 32767.0
    v64 += np.copysign(0.5, v64)
    np.minimum(v64, limit, out=v64)
    np.maximum(v64, -limit, out=v64)
    return v64.astype(np.int64).reshape(-1), present


@lru_cache(maxsize=256)
def scale(bits: tuple[int, ...], coarse: int) -> NDArray[np.float64]:
    """One over the step of each channel."""
    return np.exp2(np.array(bits, np.float64) - coarse)


@lru_cache(maxsize=256)
def step(bits: tuple[int, ...], coarse: int) -> NDArray[np.float32]:
    """The step of each channel, a power of two."""
    return (1 / scale(bits, coarse)).astype(np.float32)
