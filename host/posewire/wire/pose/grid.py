"""From floats to the grid of a set: the only place where floats become integers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.errors import PoseError
from posewire.wire.pose.sets import LandmarkSet
from posewire.wire.pose.unit_length import to_unit_length


def quantise(values: Any, spec: LandmarkSet, coarse: int) -> tuple[NDArray[np.int64], list[bool] | None]:
    """Integers on the grid (halves away from zero, limited to ±32767) and the landmarks that are there (None: all).

    ``values``: (landmarks, channels) or flat; float32 decides, wider types are rounded to it first. A landmark with a
    value that is not finite is missing, and a quaternion of length 0; quaternions of another length become rotations.
    Raises ``PoseError`` for another shape.
    """
    floats = np.asarray(values, np.float32)
    if floats.size != spec.size:
        raise PoseError(f"{spec.name} has {spec.landmarks} x {spec.channels} values, not {floats.shape}")
    wide = floats.reshape(spec.landmarks, spec.channels).astype(np.float64)
    good = np.isfinite(wide)
    present: list[bool] | None = None
    if not good.all():
        there = np.all(good, axis=1)
        present = [bool(v) for v in there.tolist()]
        wide[~there] = 0.0
    floats64 = wide.copy() if spec.is_quaternion else wide
    wide *= scale(spec.bits, coarse)
    largest = limit(spec, coarse)
    wide += np.copysign(0.5, wide)
    np.minimum(wide, largest, out=wide)
    np.maximum(wide, -largest, out=wide)
    out = wide.astype(np.int64)
    if spec.is_quaternion:
        rotations = to_unit_length(floats64, out, int(largest))
        present = None if rotations.all() else [bool(v) for v in rotations.tolist()]
    return out.reshape(-1), present


def limit(spec: LandmarkSet, coarse: int) -> float:
    """The largest integer on the grid: 1.0 for quaternions, else what 16 bits hold."""
    return 2.0 ** (spec.bits[0] - coarse) if spec.is_quaternion else 32767.0


@lru_cache(maxsize=256)
def scale(bits: tuple[int, ...], coarse: int) -> NDArray[np.float64]:
    """One over the step of each channel."""
    return np.exp2(np.array(bits, np.float64) - coarse)


@lru_cache(maxsize=256)
def steps(spec: LandmarkSet, coarse: int) -> NDArray[np.float32]:
    """The step of each value of a frame, a power of two."""
    return np.tile((1 / scale(spec.bits, coarse)).astype(np.float32), spec.landmarks)
