"""A motion sensor's orientation from its counts: a real motion, as the sensor of a board would have measured it."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from posewire.skeleton.orientation import COUNTS_PER_DEGREE, COUNTS_PER_G, GRAVITY, Orientation
from posewire.skeleton.rotations import Rotation, Vector, dot, inverse, multiply, rotate

RATE = 4000 / 70
DATA = Path(__file__).parents[1] / "data" / "pose" / "imuquat_broad_02.npz"
FLAT = [[0, 0, COUNTS_PER_G], [0, 0, 0]]
UP: Vector = (0.0, 0.0, 1.0)


def counts_of(before: Rotation, now: Rotation, step: float, bias: Vector) -> list[list[int]]:
    """The counts of accelerometer and gyroscope between two orientations of a sensor at rest."""
    w, x, y, z = multiply(inverse(before), now)
    half = math.acos(min(1.0, abs(w)))
    factor = math.copysign(2 * half / math.sin(half) if half > 1e-9 else 2.0, w) / step
    speed = [math.degrees(value * factor) + off for value, off in zip((x, y, z), bias, strict=True)]
    force = rotate(inverse(now), UP)
    return [[round(v * COUNTS_PER_G) for v in force], [round(v * COUNTS_PER_DEGREE) for v in speed]]


def tilt_between(a: Rotation, b: Rotation) -> float:
    return math.degrees(math.acos(min(1.0, dot(rotate(inverse(a), UP), rotate(inverse(b), UP)))))


def test_a_real_motion_is_followed() -> None:
    with np.load(DATA) as file:
        truth = [tuple(row) for row in file["data"][:, 0].astype(float).tolist()]
        step = 1 / float(file["fps"])
    bias = (1.5, -0.8, 0.5)
    orientation, time = Orientation(), 0.0
    for _ in range(150):  # it lies still at first
        time += step
        orientation.update(counts_of(truth[0], truth[0], step, bias), time)
    heading = multiply(truth[0], inverse(orientation.rotation))
    worst_tilt = worst = 0.0
    for before, now in itertools.pairwise(truth):
        time += step
        orientation.update(counts_of(before, now, step, bias), time)
        found = multiply(heading, orientation.rotation)
        worst_tilt = max(worst_tilt, tilt_between(found, now))
        cosine = abs(sum(a * b for a, b in zip(found, now, strict=True)))
        worst = max(worst, math.degrees(2 * math.acos(min(1.0, cosine))))
    assert worst_tilt < 2.0
    assert worst < 5.0  # 70 s, with the heading


def test_what_lies_flat_is_not_turned_and_not_moved() -> None:
    orientation = Orientation()
    for step in range(100):
        orientation.update(FLAT, step * 0.02)
    assert orientation.rotation == pytest.approx((1, 0, 0, 0), abs=1e-6)
    assert orientation.acceleration == pytest.approx((0, 0, 0), abs=1e-6)


def test_a_push_is_an_acceleration_and_tilts_nothing_at_once() -> None:
    orientation = Orientation()
    for step in range(50):
        orientation.update(FLAT, step * 0.02)
    orientation.update([[COUNTS_PER_G / 2, 0, COUNTS_PER_G], [0, 0, 0]], 1.0)
    assert orientation.acceleration == pytest.approx((GRAVITY / 2, 0, 0), abs=0.1)


def test_upside_down_at_the_first_sample() -> None:
    orientation = Orientation()
    orientation.update([[0, 0, -COUNTS_PER_G], [0, 0, 0]], 5.0)
    assert rotate(orientation.rotation, (0, 0, -1)) == pytest.approx(UP, abs=1e-3)


def test_after_a_gap_up_is_right_at_once() -> None:
    orientation = Orientation()
    for step in range(50):
        orientation.update(FLAT, step * 0.02)
    orientation.update([[COUNTS_PER_G, 0, 0], [0, 0, 0]], 60.0)
    assert rotate(orientation.rotation, (1, 0, 0)) == pytest.approx(UP, abs=1e-3)


def test_nothing_measured_is_no_division_by_zero() -> None:
    orientation = Orientation()
    for step in range(10):
        orientation.update([[0, 0, 0], [0, 0, 0]], step * 0.02)
    assert orientation.rotation == (1, 0, 0, 0)
