"""The state of a set in a reference frame: what is missing, what is known, and its values as floats."""

import numpy as np

from posewire.wire.pose.frame import FrameState, PoseFrame, restore
from posewire.wire.pose.kernel import ListKernel
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.set_state import SetState
from posewire.wire.pose.sets import custom_set

SPEC = custom_set(3, (1, 1))


def state(valid: list[int], x: list[int]) -> SetState:
    coder = SetCoder(SPEC, ListKernel())
    made = coder.empty(1, coder.unit_gains)
    made.valid, made.x, made.complete = valid, x, all(valid)
    return made


def test_an_empty_state_holds_no_landmark() -> None:
    coder = SetCoder(SPEC, ListKernel())
    empty = coder.empty(0, coder.unit_gains)
    assert empty.missing.tolist() == [True] * 3
    assert not empty.complete
    assert empty.is_known


def test_a_state_is_known_once_every_landmark_is() -> None:
    joining = state([1, 1, 1], [0] * 6)
    joining.known = 2
    assert not joining.is_known
    assert not FrameState(0, 0, 0, {0: joining}).is_known
    joining.known = 3
    assert joining.is_known
    assert FrameState(0, 0, 0, {0: joining}).is_known


def test_values_are_integers_times_the_step_and_nan_where_missing() -> None:
    values = restore(state([1, 0, 1], [1, -2, 7, 7, 3, 4]))
    assert values.dtype == np.float32
    assert values[[0, 2]].tolist() == [[1, -2], [3, 4]]
    assert np.isnan(values[1]).all()


def test_integers_of_a_frame_are_zero_where_missing() -> None:
    states = [state([1, 0, 1], [1, -2, 7, 7, 3, 4])]
    frame = PoseFrame(0, 0, 0, {}, 0, False, states)
    assert frame.integers["custom"].tolist() == [[1, -2], [0, 0], [3, 4]]
