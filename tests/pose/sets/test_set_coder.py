"""Tables of a set: models by coarse level and gains, and states on another grid."""

import numpy as np
import pytest

from posewire.wire.pose.core.model import SCALE
from posewire.wire.pose.kernel import ListKernel
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.sets import custom_set, landmark_set


@pytest.fixture
def coder() -> SetCoder:
    return SetCoder(custom_set(2, (4, 4)), ListKernel())


def test_a_model_is_made_once_for_each_level_and_gains(coder: SetCoder) -> None:
    unit = coder.unit_gains
    assert coder.model_fields(2, unit) is coder.model_fields(2, unit)
    assert coder.model(2, (40, 32)).start[SCALE] != coder.model(2, unit).start[SCALE]


def test_few_models_are_kept_and_the_first_for_good(coder: SetCoder) -> None:
    first = coder.model(0, coder.unit_gains)
    for gain in range(40):
        coder.model(1, (gain, gain))
    assert len(coder._models) <= 8
    assert coder.model(0, coder.unit_gains).start is first.start


def test_all_models_share_the_scratch_memory(coder: SetCoder) -> None:
    assert coder.model(3, (1, 2)).scratch is coder.model(0, coder.unit_gains).scratch


def test_a_state_on_its_own_level_is_itself(coder: SetCoder) -> None:
    state = coder.empty(2, coder.unit_gains)
    assert coder.at_level(state, 2) is state


def test_a_state_on_another_level_keeps_its_pose_within_half_a_step(coder: SetCoder) -> None:
    state = coder.empty(0, coder.unit_gains)
    state.x, state.previous, state.scale = [5, -6, 100, 3], [4, 4, 4, 4], [16, 16, 16, 2]
    moved = coder.at_level(state, 2)
    assert moved.coarse == 2
    assert np.abs(np.array(moved.x) * 4 - state.x).max() <= 2
    assert moved.scale == [4, 4, 4, 2]
    assert (state.x, state.scale) == ([5, -6, 100, 3], [16, 16, 16, 2]), "states are never changed in place"


def test_the_same_pose_has_the_same_integers_and_holes(coder: SetCoder) -> None:
    state = coder.empty(0, coder.unit_gains)
    state.x, state.valid, state.complete = [1, 2, 3, 4], [1, 1], True
    assert coder.is_same_pose(state, [1, 2, 3, 4], None)
    assert not coder.is_same_pose(state, [1, 2, 3, 5], None)
    assert not coder.is_same_pose(state, [1, 2, 3, 4], [True, False])
    state.valid, state.complete = [1, 0], False
    assert coder.is_same_pose(state, [1, 2, 9, 9], [True, False])
    assert not coder.is_same_pose(state, [1, 2, 3, 4], [False, True])
    assert not coder.is_same_pose(state, [1, 2, 3, 4], None)


def test_quantise_gives_integers_in_the_form_of_the_kernel(coder: SetCoder) -> None:
    assert coder.quantise([[0.5, 0.25], [np.nan, 1]], 0) == ([8, 4, 0, 0], [True, False])
    quaternions = SetCoder(landmark_set("quat1"), ListKernel())
    assert quaternions.quantise([0, 0, 0, 2], 0) == ([0, 0, 0, 4096], None)
