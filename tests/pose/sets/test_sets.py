"""Landmark sets: names, numbers and what may be declared."""

import pytest

from posewire.errors import PoseError
from posewire.wire.pose.sets import (
    CUSTOM_ID,
    MAX_LANDMARKS,
    QUAT_ID,
    SETS,
    custom_set,
    is_known,
    landmark_set,
    make_set,
)


def test_every_named_set_has_a_number_of_its_own() -> None:
    assert len({spec.id for spec in SETS.values()} | {CUSTOM_ID, QUAT_ID}) == len(SETS) + 2
    for name, spec in SETS.items():
        assert landmark_set(name) is spec
        assert is_known(spec.id)
        assert make_set(spec.id, 0, spec.bits) == spec
    assert not is_known(200)


def test_the_size_of_a_set_counts_its_values_and_those_that_travel() -> None:
    body, quaternions = landmark_set("body33"), landmark_set("quat4")
    assert (body.channels, body.size, body.coded_size) == (4, 132, 132)
    assert (quaternions.channels, quaternions.size, quaternions.coded_size) == (4, 16, 12)
    assert quaternions.is_quaternion
    assert not body.is_quaternion


def test_a_set_may_have_other_steps_and_fewer_channels() -> None:
    flat = landmark_set("body33", (9, 9))
    assert (flat.id, flat.landmarks, flat.bits) == (landmark_set("body33").id, 33, (9, 9))


def test_a_custom_set_without_parents_has_no_topology() -> None:
    assert custom_set(3, (4,)).parents == (-1, -1, -1)


@pytest.mark.parametrize(
    ("ident", "landmarks", "bits", "parents", "message"),
    [
        (1, 0, (), (), "steps out of range"),
        (1, 0, (16,), (), "steps out of range"),
        (1, 0, (-16,), (), "steps out of range"),
        (1, 0, (1,) * 9, (), "steps out of range"),
        (1, 0, (1,) * 5, (), "at most 4 channels"),
        (99, 0, (1,), (), "unknown landmark set 99"),
        (CUSTOM_ID, 0, (1,), (), "1 to 1000 landmarks"),
        (CUSTOM_ID, MAX_LANDMARKS + 1, (1,), (-1,) * (MAX_LANDMARKS + 1), "1 to 1000 landmarks"),
        (CUSTOM_ID, 2, (1,), (-1,), "a parent for each"),
        (CUSTOM_ID, 2, (1,), (-1, 1), "before its landmark"),
        (CUSTOM_ID, 2, (1,), (-2, 0), "before its landmark"),
        (QUAT_ID, 0, (12,) * 4, (), "1 to 255 quaternions"),
        (QUAT_ID, 256, (12,) * 4, (), "1 to 255 quaternions"),
        (QUAT_ID, 1, (12,) * 3, (), "1 to 255 quaternions"),
        (QUAT_ID, 1, (12, 12, 12, 11), (), "one step"),
        (QUAT_ID, 1, (3,) * 4, (), "one step"),
        (QUAT_ID, 1, (15,) * 4, (), "one step"),
    ],
)
def test_what_the_specification_forbids_is_refused(
    ident: int, landmarks: int, bits: tuple[int, ...], parents: tuple[int, ...], message: str
) -> None:
    with pytest.raises(PoseError, match=message):
        make_set(ident, landmarks, bits, parents)


@pytest.mark.parametrize("name", ["body34", "", "quat", "quat0", "quat256", "quat1x"])
def test_a_name_that_no_set_has_is_refused(name: str) -> None:
    with pytest.raises(PoseError):
        landmark_set(name)
