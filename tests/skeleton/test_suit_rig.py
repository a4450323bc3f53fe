"""A suit of motion sensors: however they sit and wherever its wearer looks, the bones turn as the body does."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import ConfigError
from posewire.skeleton.humanoid import placed
from posewire.skeleton.rotations import IDENTITY, Rotation, Vector, about, inverse, multiply, normalized, rotate
from posewire.skeleton.suit_rig import SuitRig

NUMBER = st.floats(-1, 1)
ROTATIONS = st.tuples(NUMBER, NUMBER, NUMBER, NUMBER).filter(lambda q: sum(v * v for v in q) > 0.05).map(normalized)
BONES = ("Hips", "Chest", "LeftUpperArm", "LeftLowerArm", "RightUpperLeg")


def on_earth(vector: Vector, facing: float) -> Vector:
    """A direction of the skeleton's space (x right, y up, z forward) on the earth (z up)."""
    right, up, forward = vector
    angle = math.radians(facing)
    return (
        forward * math.cos(angle) + right * math.sin(angle),
        forward * math.sin(angle) - right * math.cos(angle),
        up,
    )


def turn_on_earth(rotation: Rotation, facing: float) -> Rotation:
    """The same turn on the earth; its axis goes there as a direction does, its sense the other way round."""
    x, y, z = on_earth(rotation[1:], facing)
    return rotation[0], -x, -y, -z


@given(st.tuples(*[ROTATIONS] * 5), st.tuples(*[ROTATIONS] * 5), st.floats(-180, 180))
def test_bones_turn_as_the_body_does(body: tuple[Rotation, ...], mounted: tuple[Rotation, ...], facing: float) -> None:
    pose = dict(zip(BONES, body, strict=True))
    wanted = placed(pose)
    rig = SuitRig(BONES, facing)
    assert rig.update(np.array(mounted, np.float32))
    turns = [turn_on_earth(wanted[name].rotation, facing) for name in BONES]
    rig.update(np.array([multiply(turn, mount) for turn, mount in zip(turns, mounted, strict=True)], np.float32))
    found = placed(rig.pose)
    for name in BONES:
        cosine = abs(sum(a * b for a, b in zip(found[name].rotation, wanted[name].rotation, strict=True)))
        assert cosine == pytest.approx(1, abs=1e-4), name


def test_a_turn_on_earth_is_what_it_says() -> None:
    turn = about((0, 1, 0), 90)  # to the right, in the skeleton's space
    for vector in ((0.0, 0.0, 1.0), (1.0, 0.0, 0.0)):
        there = rotate(turn_on_earth(turn, 30), on_earth(vector, 30))
        assert there == pytest.approx(on_earth(rotate(turn, vector), 30), abs=1e-6)


def test_the_first_pose_is_a_t_and_another_may_be() -> None:
    rig = SuitRig(["Hips", "Head"])
    first = np.array([about((1, 0, 0), 50), about((0, 1, 0), 20)], np.float32)
    assert rig.update(first)
    assert rig.pose["Head"] == pytest.approx(IDENTITY, abs=1e-6)
    again = np.array([about((1, 0, 0), 10), about((0, 0, 1), 70)], np.float32)
    rig.update(again)
    assert rig.pose["Head"] != pytest.approx(IDENTITY, abs=0.1)
    rig.calibrate()
    rig.update(again)
    assert multiply(rig.pose["Hips"], inverse(rig.pose["Hips"])) == pytest.approx(IDENTITY)
    assert rig.pose["Head"] == pytest.approx(IDENTITY, abs=1e-6)


def test_a_sensor_that_is_missing_leaves_its_bone_as_it_was() -> None:
    rig = SuitRig(["Hips", "Head"])
    rest = np.array([IDENTITY, IDENTITY], np.float32)
    rig.update(rest)
    rest[1] = np.nan
    rest[0] = about((0, 0, 1), 30)
    assert rig.update(rest)
    assert rig.pose["Head"] == IDENTITY
    assert rig.pose["Hips"] == pytest.approx(about((0, 1, 0), -30), abs=1e-6)
    assert not rig.update(np.ones((3, 4), np.float32))


def test_bones_have_to_be_bones() -> None:
    with pytest.raises(ConfigError, match="Tail: no bone of a humanoid"):
        SuitRig(["Hips", "Tail"])
    with pytest.raises(ConfigError, match="more than once"):
        SuitRig(["Hips", "Hips"])
