"""What goes in and comes out: float arrays on one side, integers on a grid on the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posewire.wire.pose.coder import SetState
from posewire.wire.pose.grid import step

Values = NDArray[np.float32]
Poses = Values | Mapping[str, "Values | None"]


@dataclass(slots=True)
class FrameState:
    """A reference frame: which packet it came from and the state of its sets (by set id)."""

    sequence: int
    time_ms: int
    check: int
    sets: dict[int, SetState]


class PoseFrame(NamedTuple):
    """One decoded instant.

    ``values``: per set name a float32 array (landmarks, channels), NaN where a landmark is missing; a missing set is
    not in it. ``time_ms``: the publisher's clock, modulo 2^32. ``repeat``: the same pose as a frame before.
    ``states``: what ``values`` were made from.
    """

    stream: int
    sequence: int
    time_ms: int
    values: dict[str, Values]
    layer: int
    repeat: bool
    states: Iterable[SetState]

    @property
    def integers(self) -> dict[str, NDArray[np.int32]]:
        """``values`` on the grid, 0 where missing."""
        out = {}
        for state in self.states:
            grid = state.x.astype(np.int32).reshape(state.spec.landmarks, -1)
            if not state.complete:
                grid[state.valid == 0] = 0
            out[state.spec.name] = grid
        return out


def restore(state: SetState) -> Values:
    """A set's values, (landmarks, channels), NaN where missing."""
    spec = state.spec
    values: Values = state.x.astype(np.float32).reshape(spec.landmarks, -1)
    values *= step(spec.bits, state.coarse)
    if not state.complete:
        values[state.valid == 0] = np.nan
    return values
