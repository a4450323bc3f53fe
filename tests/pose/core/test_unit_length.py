"""Quaternions of any length become rotations on the grid, by integers alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posewire.wire.pose.unit_length import to_unit_length

UNIT = 1 << 12


def on_grid(floats: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(floats * UNIT), -UNIT, UNIT).astype(np.int64)


def test_a_rotation_stays_as_it_was_rounded() -> None:
    floats = np.array([[1.0, 0, 0, 0], [0.5, 0.5, 0.5, -0.5]])
    grid = on_grid(floats)
    before = grid.copy()
    assert to_unit_length(floats, grid, UNIT).tolist() == [True, True]
    assert np.array_equal(grid, before)


@given(seed=st.integers(0, 2**32 - 1), exponent=st.integers(-100, 100))
def test_any_length_becomes_the_unit_in_the_same_direction(seed: int, exponent: int) -> None:
    direction = np.random.default_rng(seed).normal(size=(1, 4))
    direction /= np.linalg.norm(direction)
    floats = direction * 2.0**exponent
    grid = on_grid(floats)
    assert to_unit_length(floats, grid, UNIT).tolist() == [True]
    assert np.abs(grid - direction * UNIT).max() <= 2
    assert np.abs(grid).max() <= UNIT


def test_length_zero_is_not_a_rotation_and_leaves_its_neighbours_alone() -> None:
    floats = np.array([[0.0] * 4, [0, 2.0, 0, 0], [1e-42, 0, 0, 0]])
    grid = on_grid(floats)
    assert to_unit_length(floats, grid, UNIT).tolist() == [False, True, False]
    assert grid.tolist() == [[0] * 4, [0, UNIT, 0, 0], [0] * 4]
