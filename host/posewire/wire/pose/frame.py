"""What goes in and comes out: float arrays on one side, integers on a grid on the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posewire.wire.pose.coder import SetState
from posewire.wire.pose.grid import scale

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


def restore(state: SetState) -> tuple[Values, NDArray[np.int32]]:
    """A set's values (NaN where missing) and integers, (landmarks, channels)."""
    spec = state.spec
    integers = np.array(state.x, np.int32).reshape(spec.landmarks, spec.channels)
    values = (integers / scale(spec.bits, state.coarse)).astype(np.float32)
    if not state.complete:
        gone = np.asarray(state.valid) == 0
        values[gone] = np.nan
        integers[gone] = 0
    return values, integers
