"""Rotations as quaternions: what they do to vectors."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from posewire.skeleton.rotations import (
    IDENTITY,
    Rotation,
    Vector,
    about,
    aligned,
    between,
    blend,
    cross,
    from_axes,
    inverse,
    multiply,
    normalized,
    rotate,
    unit,
)

NUMBER = st.floats(-1, 1, allow_nan=False)
DIRECTIONS = st.tuples(NUMBER, NUMBER, NUMBER).map(unit).filter(lambda found: found is not None)
ROTATIONS = st.tuples(NUMBER, NUMBER, NUMBER, NUMBER).filter(lambda q: sum(v * v for v in q) > 0.01).map(normalized)


def near(a: tuple[float, ...]) -> object:
    return pytest.approx(a, abs=1e-6)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    assert rotate(about((0, 0, 1), 90), (1, 0, 0)) == near((0, 1, 0))


@given(ROTATIONS, ROTATIONS, DIRECTIONS)
def test_a_product_is_one_rotation_after_the_other(a: Rotation, b: Rotation, vector: Vector) -> None:
    assert rotate(multiply(a, b), vector) == near(rotate(a, rotate(b, vector)))
    assert rotate(inverse(a), rotate(a, vector)) == near(vector)


@given(DIRECTIONS, DIRECTIONS)
def test_the_rotation_between_two_directions_takes_one_to_the_other(a: Vector, b: Vector) -> None:
    assert rotate(between(a, b), a) == pytest.approx(b, abs=1e-3)
    assert rotate(between(a, (-a[0], -a[1], -a[2])), a) == near((-a[0], -a[1], -a[2]))


@given(ROTATIONS)
def test_a_rotation_is_found_in_its_axes(a: Rotation) -> None:
    axes = [rotate(a, axis) for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]
    again = from_axes(*axes)
    assert abs(sum(x * y for x, y in zip(a, again, strict=True))) == pytest.approx(1, abs=1e-6)


@given(ROTATIONS, DIRECTIONS, DIRECTIONS)
def test_two_directions_tell_a_rotation(a: Rotation, main: Vector, other: Vector) -> None:
    assume(math.hypot(*cross(main, other)) > 0.05)
    found = aligned(main, other, rotate(a, main), rotate(a, other))
    assert found is not None
    assert abs(sum(x * y for x, y in zip(a, found, strict=True))) == pytest.approx(1, abs=1e-6)


def test_no_directions_no_rotation() -> None:
    assert aligned((1, 0, 0), (0, 1, 0), (0, 0, 0), (0, 1, 0)) is None
    assert aligned((1, 0, 0), (0, 1, 0), (1, 0, 0), (2, 0, 0)) is None


def test_half_a_blend_is_half_the_way_whatever_the_sign() -> None:
    turned = about((0, 1, 0), 60)
    assert blend(IDENTITY, turned, 0.5) == near(about((0, 1, 0), 30))
    assert blend(IDENTITY, tuple(-v for v in turned), 0.5) == near(about((0, 1, 0), 30))  # type: ignore[arg-type]
