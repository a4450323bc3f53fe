"""Tables and scratch memory of one landmark set, and states of it that do not come from a block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posewire.wire.pose import grid
from posewire.wire.pose.core.model import CONTEXT, RESIDUAL, SCALE, WEIGHT, Integers, Model
from posewire.wire.pose.kernel import Kernel
from posewire.wire.pose.packet import UNIT_GAIN
from posewire.wire.pose.set_state import SetState
from posewire.wire.pose.sets import MAX_COARSE, LandmarkSet
from posewire.wire.pose.trained.start_values import start_values
from posewire.wire.pose.trained.symbol_tables import table_group

_MODELS = 8  # kept, of different coarse levels and gains


@dataclass(slots=True)
class SetCoder:
    """Tables and scratch memory to code one landmark set with (``blocks``); no state of a stream.

    ``coded``, ``payload``: values and entropy-coded bytes of the last block that was encoded, for measuring.
    """

    spec: LandmarkSet
    kernel: Kernel
    coded: int = 0
    payload: int = 0
    unit_gains: tuple[int, ...] = ()
    is_quaternion: bool = False
    out: Any = None  # memory for entropy-coded bytes; they end where it ends
    out_bytes: Any = None  # the same as a memoryview
    size: int = 0
    coded_size: int = 0
    _models: dict[tuple[int, tuple[int, ...]], tuple[Any, ...]] = field(default_factory=dict)
    _grids: Any = None  # for each coarse level, one over the steps, and the largest integer

    def __post_init__(self) -> None:
        spec = self.spec
        self.size, self.coded_size, self.is_quaternion = spec.size, spec.coded_size, spec.is_quaternion
        self.unit_gains = (UNIT_GAIN,) * spec.coded_channels
        self.out = self.kernel.bytes_out(6 * spec.size + 16)
        self.out_bytes = memoryview(self.out)
        self._grids = [(grid.scale(spec.bits, coarse), grid.limit(spec, coarse)) for coarse in range(MAX_COARSE + 1)]
        self._models[0, self.unit_gains] = tuple(self._first_model())

    def _first_model(self) -> Model:
        """The model at the finest level; all others share its scratch memory."""
        spec, values = self.spec, start_values(self.spec, 0)
        return self.kernel.model(
            spec.landmarks, spec.coded_channels, values.order, values.rows, spec.size, table_group(spec)
        )

    def model(self, coarse: int, gains: tuple[int, ...]) -> Model:
        """The core's model of the set at a coarse level with these gains."""
        return Model._make(self.model_fields(coarse, gains))

    def model_fields(self, coarse: int, gains: tuple[int, ...]) -> tuple[Any, ...]:
        """``model`` as a plain tuple."""
        found = self._models.get((coarse, gains))
        if found is not None:
            return found
        first = self.model(0, self.unit_gains)
        if len(self._models) >= _MODELS:
            self._models = {(0, self.unit_gains): tuple(first)}
        values = start_values(self.spec, coarse)
        start = self.kernel.rows(values.rows)
        self.kernel.functions.apply_gains(
            self.kernel.array(values.scale), gains, self.spec.landmarks, self.spec.coded_channels, start[SCALE]
        )
        made = self._models[coarse, gains] = tuple(first._replace(start=start))
        return made

    def quantise(self, values: Any, coarse: int) -> tuple[Integers, list[bool] | None]:
        """``grid.quantise`` with the integers in the kernel's form."""
        floats = np.asarray(values, np.float32)
        if floats.size == self.size and not self.is_quaternion:
            scale, limit = self._grids[coarse]
            out = np.empty(self.size, np.int64)
            if self.kernel.quantise(floats.ravel(), scale, limit, out):
                return out, None
        integers, present = grid.quantise(floats, self.spec, coarse)
        return self.kernel.array(integers), present

    def residuals(self) -> tuple[list[int], list[int]]:
        """Residuals and contexts of the last block that was encoded, in coding order."""
        scratch = self.model(0, self.unit_gains).scratch
        return [int(v) for v in scratch[RESIDUAL][: self.coded]], [int(v) for v in scratch[CONTEXT][: self.coded]]

    def gains_after(self, state: SetState) -> tuple[int, ...]:
        """Gains that bring the start scales near those of a state."""
        landmarks, channels = self.spec.landmarks, self.spec.coded_channels
        start = self.model(state.coarse, self.unit_gains).start[SCALE]
        best_gain = self.kernel.functions.best_gain
        return tuple(int(best_gain(state.scale, start, landmarks, channels, c)) for c in range(channels))

    def empty(self, coarse: int, gains: tuple[int, ...]) -> SetState:
        """The state before a set's first frame: nothing is valid."""
        model, zeros = self.model(coarse, gains), self.kernel.zeros(self.size)
        valid = self.kernel.zeros(self.spec.landmarks)
        return SetState(self.spec, coarse, valid, zeros, zeros, model.start[SCALE], model.start[WEIGHT], gains)

    def at_level(self, state: SetState, coarse: int) -> SetState:
        """A state on the grid of another coarse level."""
        if state.coarse == coarse:
            return state
        functions, zeros, by = self.kernel.functions, self.kernel.zeros, coarse - state.coarse
        x, previous, scale = zeros(self.size), zeros(self.size), zeros(self.coded_size)
        functions.rescale(state.x, by, self.size, x)
        functions.rescale(state.previous, by, self.size, previous)
        functions.rescale_scales(state.scale, by, self.coded_size, scale)
        return SetState(
            state.spec,
            coarse,
            state.valid,
            x,
            previous,
            scale,
            state.weight,
            state.gains,
            state.complete,
            state.known,
        )

    def is_same_pose(self, state: SetState, x: Integers, present: list[bool] | None) -> bool:
        """Whether integers on the state's grid are the pose that the state holds, the same landmarks missing."""
        if present is None:
            return state.complete and self.kernel.equal(x, state.x)
        there = np.array(present)
        if state.complete or not np.array_equal(~state.missing, there):
            return False
        same = np.asarray(x) == np.asarray(state.x)
        return bool(same.reshape(self.spec.landmarks, -1)[there].all())
