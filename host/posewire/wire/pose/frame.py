"""What goes in and comes out: float arrays on one side, integers on a grid on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.errors import PoseError
from posewire.wire.pose.coder import SetState
from posewire.wire.pose.sets import LandmarkSet

Values = NDArray[np.float32]
Poses = Values | Mapping[str, "Values | None"]


@dataclass(slots=True)
class FrameState:
    """A reference frame: which packet it came from and the state of its sets (by set id)."""

    sequence: int
    time_ms: int
    check: int
    sets: dict[int, SetState]


@dataclass(frozen=True, slots=True)
class PoseFrame:
    """One decoded instant.

    ``values``: per set name a float32 array (landmarks, channels), NaN where a landmark is missing; a missing
    set is not
    in it. ``integers``: the same on the grid, 0 where missing. ``time_ms``: the publisher's clock, modulo
    2^32. ``repeat``: the same pose as a frame before.
    """

    stream: int
    sequence: int
    time_ms: int
    values: dict[str, Values]
    integers: dict[str, NDArray[np.int32]]
    layer: int = 0
    repeat: bool = False


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
    v64 *= _scale(spec.bits, coarse)
    limit = float(1 << (spec.bits[0] - coarse)) if spec.is_quaternion else 32767.0
    v64 += np.copysign(0.5, v64)
    np.minimum(v64, limit, out=v64)
    np.maximum(v64, -limit, out=v64)
    return v64.astype(np.int64).reshape(-1), present


_SCALES: dict[tuple[tuple[int, ...], int], NDArray[np.float64]] = {}


def _scale(bits: tuple[int, ...], coarse: int) -> NDArray[np.float64]:
    found = _SCALES.get((bits, coarse))
    if found is None:
        if len(_SCALES) > 256:
            _SCALES.clear()
        found = _SCALES[bits, coarse] = np.exp2(np.array(bits, np.float64) - coarse)
    return found


def restore(state: SetState) -> tuple[Values, NDArray[np.int32]]:
    """A set's values (NaN where missing) and integers, (landmarks, channels)."""
    spec = state.spec
    integers = np.array(state.x, np.int32).reshape(spec.landmarks, spec.channels)
    values = (integers / _scale(spec.bits, state.coarse)).astype(np.float32)
    if not state.complete:
        gone = np.asarray(state.valid) == 0
        values[gone] = np.nan
        integers[gone] = 0
    return values, integers
