"""Poses as float arrays, and the reference frames that hold them as integers on a grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posewire.wire.pose.grid import steps
from posewire.wire.pose.set_state import SetState

Values = NDArray[np.float32]
Poses = Values | Mapping[str, "Values | None"]


@dataclass(slots=True)
class FrameState:
    """A reference frame: the sequence, time and check of its packet, and the state of its sets (by set id)."""

    sequence: int
    time_ms: int
    check: int
    sets: dict[int, SetState]

    @property
    def is_known(self) -> bool:
        """Whether every landmark of every set is known: False during a join without a key."""
        return all(state.is_known for state in self.sets.values())


class PoseFrame(NamedTuple):
    """One decoded instant.

    ``values``: per set name a float32 array (landmarks, channels), NaN where a landmark is missing; a missing set is
    not in it. ``time_ms``: the publisher's clock, modulo 2^32. ``repeat``: the same pose as a frame before.
    ``states``: the sets' states that ``values`` were made from.
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
            grid = np.array(state.x, np.int32).reshape(state.spec.landmarks, -1)
            if not state.complete:
                grid[state.missing] = 0
            out[state.spec.name] = grid
        return out


def restore(state: SetState) -> Values:
    """A set's values, (landmarks, channels), NaN where missing."""
    spec = state.spec
    values: Values = np.array(state.x, np.float32)
    values *= steps(spec, state.coarse)
    values = values.reshape(spec.landmarks, -1)
    if not state.complete:
        values[state.missing] = np.nan
    return values
