"""From floats to the grid: rounding, limits, and what counts as missing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import PoseError
from posewire.wire.pose.grid import limit, quantise, scale, steps
from posewire.wire.pose.sets import custom_set, landmark_set

PLAIN = custom_set(2, (2, 0))


def test_halves_are_rounded_away_from_zero() -> None:
    integers, present = quantise([[0.125, 0.5], [-0.125, -1.5]], PLAIN, 0)
    assert integers.tolist() == [1, 1, -1, -2]
    assert present is None


@given(
    st.lists(st.floats(-8000, 8000, width=32), min_size=2, max_size=2), st.integers(0, 7), st.sampled_from([-3, 0, 2])
)
def test_a_value_is_at_most_half_a_step_away(values: list[float], coarse: int, bits: int) -> None:
    spec = custom_set(2, (bits,))
    integers, _ = quantise(values, spec, coarse)
    back = integers * steps(spec, coarse).astype(np.float64)
    inside = np.abs(values) * scale(spec.bits, coarse)[0] < 32767
    assert (np.abs(back - values)[inside] <= 0.5 / scale(spec.bits, coarse)[0]).all()


def test_integers_are_limited_to_sixteen_bits() -> None:
    integers, _ = quantise([[1e9, -1e9], [3e38, 0]], PLAIN, 0)
    assert integers.tolist() == [32767, -32767, 32767, 0]
    assert limit(PLAIN, 3) == 32767
    assert limit(landmark_set("quat1"), 2) == 1 << 10


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_landmark_with_a_value_that_is_not_finite_is_missing(hole: float) -> None:
    integers, present = quantise([[1, hole], [1, 1]], PLAIN, 0)
    assert present == [False, True]
    assert integers.tolist() == [0, 0, 4, 1]


def test_float32_decides() -> None:
    almost_half = 0.5 - 2.0**-40  # in float32 it is 0.5
    assert quantise([0.0, almost_half, 0.0, 0.0], PLAIN, 0)[0].tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("values", [[1.0], np.zeros((3, 2)), np.zeros((2, 2, 2))])
def test_another_shape_is_refused(values: object) -> None:
    with pytest.raises(PoseError, match="2 x 2 values"):
        quantise(values, PLAIN, 0)


def test_a_coarse_level_doubles_the_step() -> None:
    assert steps(PLAIN, 0).tolist() == [0.25, 1, 0.25, 1]
    assert steps(PLAIN, 3).tolist() == [2, 8, 2, 8]
