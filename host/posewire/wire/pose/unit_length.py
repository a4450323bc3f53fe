"""Quaternions of another length than 1, as rotations on the grid (``docs/pose-packet.md`` section 7).

Integers only, so that every encoder, whatever its floats are, comes to the same bytes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from posewire.wire.pose.core.quaternions import square_root

_FRACTION_BITS = 13
"""Bits kept of the largest component: the squares of four sum up to less than 2^30."""

_SMALLEST = 2.0**-126
"""The smallest normal float32: what is smaller counts as 0."""


def to_unit_length(floats: NDArray[np.float64], grid: NDArray[np.int64], unit: int) -> NDArray[np.bool_]:
    """Bring quaternions on the grid to the length ``unit`` where they have another one; returns which are rotations.

    ``floats``: (quaternions, 4), finite; ``grid``: the same on the grid, limited to ±``unit``, is changed in place. A
    quaternion of length 0 is no rotation: it becomes 0.
    """
    squares = (grid * grid).sum(axis=1)
    rotations = np.ones(len(grid), np.bool_)
    # Rounding to the grid alone moves the square of the length by no more than this.
    for index in np.flatnonzero(np.abs(squares - unit * unit) > 2 * unit + 1):
        scaled = _scaled(floats[index].tolist())
        length = square_root(sum(value * value for value in scaled))
        rotations[index] = length > 0
        grid[index] = [_divided(value * unit, length, unit) for value in scaled] if length else 0
    return rotations


def _scaled(quaternion: list[float]) -> list[int]:
    """The components as integers, the largest with 13 bits."""
    components = [value if abs(value) >= _SMALLEST else 0.0 for value in quaternion]
    exponent = math.frexp(max(map(abs, components)))[1]
    out = []
    for value in components:
        size = math.floor(math.ldexp(abs(value), _FRACTION_BITS - exponent) + 0.5)
        out.append(-size if value < 0 else size)
    return out


def _divided(value: int, by: int, limit: int) -> int:
    size = min((abs(value) + (by >> 1)) // by, limit)
    return -size if value < 0 else size
