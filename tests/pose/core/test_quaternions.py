"""Three of a quaternion's components travel, and the fourth follows from them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posewire.wire.pose import PoseDecoder, PoseEncoder, landmark_set
from posewire.wire.pose.blocks.quaternion_block import get_dropped, put_dropped
from posewire.wire.pose.core.model import DELTA, INTRA
from posewire.wire.pose.core.quaternions import (
    Components,
    join_quaternions,
    largest_component,
    split_quaternions,
    split_references,
    square_root,
)
from posewire.wire.pose.grid import quantise

UNIT = 1 << 12


@given(st.integers(-5, (1 << 30) - 1))
def test_the_square_root_is_rounded_to_the_nearest(square: int) -> None:
    root = math.isqrt(max(square, 0))
    assert square_root(square) == (root + 1 if square > root * root + root else root)


@given(st.lists(st.integers(0, 3), max_size=40))
def test_dropped_components_come_back(dropped: list[int]) -> None:
    data = put_dropped(dropped)
    assert get_dropped(len(dropped), data, 0, len(data)) == (dropped, len(data))


def random_quaternions(seed: int, count: int) -> list[int]:
    q = np.random.default_rng(seed).normal(size=(count, 4))
    return np.rint(UNIT * q / np.linalg.norm(q, axis=1, keepdims=True)).astype(int).reshape(-1).tolist()


def parts_of(count: int) -> Components:
    return Components([0] * 3 * count, [0] * 3 * count, [0] * 3 * count, [0] * count)


@given(seed=st.integers(0, 2**32 - 1), action=st.lists(st.sampled_from([DELTA, INTRA]), min_size=1, max_size=5))
def test_both_sides_drop_the_same_component_and_find_it_again(seed: int, action: list[int]) -> None:
    count = len(action)
    now, reference, previous = (random_quaternions(seed + k, count) for k in range(3))
    sent, got = parts_of(count), parts_of(count)
    split_quaternions(UNIT, action, now, reference, previous, sent)
    got.dropped[:] = [sent.dropped[i] if action[i] == INTRA else 0 for i in range(count)]
    split_references(action, reference, previous, got)
    assert (got.reference, got.previous, got.dropped) == (sent.reference, sent.previous, sent.dropped)
    got.x[:] = sent.x
    whole = [0] * 4 * count
    join_quaternions(UNIT, action, got, reference, whole)
    for first in range(0, 4 * count, 4):
        a, b = np.array(now[first : first + 4]), np.array(whole[first : first + 4])
        assert min(np.abs(a - b).max(), np.abs(a + b).max()) <= 3  # the sign is not kept
        assert abs(now[first + largest_component(now, first)]) >= 0.49 * UNIT


def test_a_delta_whose_dropped_component_becomes_small_is_coded_anew() -> None:
    action, reference = [DELTA], [UNIT, 0, 0, 0]
    assert split_quaternions(UNIT, action, [0, UNIT, 0, 0], reference, reference, parts_of(1)) == 1
    assert action == [INTRA]


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    """Degrees between two rotations."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return float(2 * np.degrees(np.arccos(min(1.0, abs(float(a @ b))))))


@given(
    seed=st.integers(0, 2**32 - 1),
    # A component below 2^-126 counts as 0.
    length=st.floats(-110, 120).map(lambda exponent: 2.0**exponent) | st.floats(0.9, 1.1),
    compiled=st.booleans(),
)
def test_a_quaternion_of_any_length_is_sent_as_its_rotation(seed: int, length: float, compiled: bool) -> None:
    q = np.random.default_rng(seed).normal(size=(3, 4))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    frame = PoseDecoder().decode(PoseEncoder("quat3", compiled=None if compiled else False).encode(q * length, 0))
    assert frame is not None
    for sent, got in zip(q, frame.values["quat3"].astype(float), strict=True):
        assert abs(np.linalg.norm(got) - 1) < 0.001
        assert angle_between(sent, got) < 0.1


def test_a_quaternion_without_length_is_missing() -> None:
    values = np.array([[0, 0, 0, 0], [1e-42, 0, 0, 0], [1, np.nan, 0, 0], [0, 3, 0, 0]], np.float32)
    frame = PoseDecoder().decode(PoseEncoder("quat4").encode(values, 0))
    assert frame is not None
    got = frame.values["quat4"]
    assert np.isnan(got[:3]).all()
    assert got[3].tolist() == [0, 1, 0, 0]


def test_what_has_unit_length_is_only_rounded() -> None:
    q = np.random.default_rng(1).normal(size=(200, 4))
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    spec = landmark_set("quat200", (14,) * 4)
    integers, present = quantise(q, spec, 0)
    assert present is None
    assert np.array_equal(integers.reshape(-1, 4), np.rint(q.astype(np.float32).astype(float) * 2**14).astype(int))
