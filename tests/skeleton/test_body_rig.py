"""From landmarks to bones: an avatar that is rotated so has its limbs where the body has them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.skeleton.body_landmarks import world_landmarks
from posewire.skeleton.body_rig import BONE_SET, BodyRig, hips_height
from posewire.skeleton.humanoid import BONE_NAMES, BONES, placed
from posewire.skeleton.rotations import IDENTITY, Rotation, about, multiply, normalized, rotate

DATA = Path(__file__).parents[1] / "data" / "pose"

LIMBS = [
    *((11, 13), (13, 15), (12, 14), (14, 16)),  # arms
    *((23, 25), (25, 27), (24, 26), (26, 28)),  # legs
    *((29, 31), (30, 32)),  # feet
    *((15, 19), (15, 17), (16, 20), (16, 18)),  # palms
    *((7, 8), (7, 0), (11, 12), (23, 24)),  # head, shoulders, hips
]
NUMBER = st.floats(-1, 1)
ROTATIONS = st.tuples(NUMBER, NUMBER, NUMBER, NUMBER).filter(lambda q: sum(v * v for v in q) > 0.05).map(normalized)
MOVED = ("Hips", "Head", *(f"{side}{name}" for side in ("Left", "Right") for name in ("UpperArm", "UpperLeg", "Hand")))
HINGES = st.floats(-10, 150)


def directions(landmarks: np.ndarray, limbs: list[tuple[int, int]]) -> np.ndarray:
    vectors = np.array([landmarks[b, :3] - landmarks[a, :3] for a, b in limbs])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_body_in_a_t_is_not_rotated() -> None:
    rig = BodyRig()
    assert rig.update({"world33": world_landmarks({})})
    for name, rotation in rig.pose.items():
        assert abs(rotation[0]) == pytest.approx(1, abs=1e-3), name


@given(st.fixed_dictionaries(dict.fromkeys(MOVED, ROTATIONS)), HINGES, HINGES)
def test_limbs_point_where_the_landmarks_say(moved: dict[str, Rotation], elbow: float, knee: float) -> None:
    body = {
        **moved,
        "LeftLowerArm": about((0, 1, 0), elbow), "RightLowerArm": about((0, -1, 0), elbow),
        "LeftLowerLeg": about((1, 0, 0), knee), "RightLowerLeg": about((1, 0, 0), knee),
    }  # fmt: skip
    seen = world_landmarks(body)
    rig = BodyRig()
    rig.update({"world33": seen})
    again = world_landmarks(rig.pose)
    assert np.abs(directions(again, LIMBS) - directions(seen, LIMBS)).max() < 0.01


@given(ROTATIONS, st.floats(40, 140))
def test_the_hinge_of_an_elbow_tells_how_the_upper_arm_is_turned(arm: Rotation, elbow: float) -> None:
    body = {"LeftUpperArm": arm, "LeftLowerArm": about((0, 1, 0), elbow)}
    rig = BodyRig()
    rig.update({"world33": world_landmarks(body)})
    found = rig.pose["LeftUpperArm"]
    assert abs(sum(a * b for a, b in zip(found, arm, strict=True))) == pytest.approx(1, abs=1e-3)


def test_a_person_in_front_of_a_camera() -> None:
    """Real landmarks of MediaPipe: where they are seen, the bones follow."""
    with np.load(DATA / "world_slp_84322c.npz") as file:
        frames = file["data"]
    rig, compared = BodyRig(), 0
    for frame in frames:
        rig.update({"world33": frame})
        limbs = [limb for limb in LIMBS[:4] if (frame[list(limb), 3] > 0.5).all()]
        limbs = [limb for limb in limbs if limb[0] < 13 or (frame[limb[0] - 2, 3] > 0.5)]
        if limbs:
            again = world_landmarks(rig.pose)
            assert np.abs(directions(again, limbs) - directions(frame, limbs)).max() < 1e-3
        compared += len(limbs)
    assert compared > 50


def test_the_left_arm_is_the_persons_left() -> None:
    """A person who faces the camera has the left hand at the right of the picture; raised, it is up."""
    body = np.full((33, 4), np.nan, np.float32)
    body[:, 3] = 0
    for number, place in {11: (0.6, 0.5, 0), 12: (0.4, 0.5, 0), 13: (0.65, 0.3, 0), 15: (0.65, 0.1, 0)}.items():
        body[number] = (*place, 1)
    rig = BodyRig(aspect=1.0)
    assert rig.update({"body33": body})
    bones = placed(rig.pose)
    assert bones["LeftUpperArm"].place[0] < 0 < bones["RightUpperArm"].place[0]
    assert bones["LeftHand"].place[1] > bones["LeftLowerArm"].place[1] > bones["LeftUpperArm"].place[1]


def test_what_is_not_seen_hangs_down_and_then_stays() -> None:
    at_a_desk = world_landmarks({})
    at_a_desk[13:, 3] = 0.1
    rig = BodyRig()
    rig.update({"world33": at_a_desk})
    bones = placed(rig.pose)
    assert bones["LeftHand"].place[1] < bones["LeftUpperArm"].place[1] - 0.4
    assert bones["RightHand"].place[1] < bones["RightUpperArm"].place[1] - 0.4
    assert bones["LeftFoot"].place[1] < 0.1
    rig.update({"world33": world_landmarks({})})
    rig.update({"world33": at_a_desk})
    assert placed(rig.pose)["LeftHand"].place[1] == pytest.approx(bones["LeftUpperArm"].place[1], abs=0.01)


def test_without_hips_the_body_is_upright_and_turns_with_the_shoulders() -> None:
    turned = world_landmarks({"Hips": about((0, 1, 0), 40)})
    turned[23:, 3] = 0.1
    rig = BodyRig()
    rig.update({"world33": turned})
    assert rig.pose["Hips"] == pytest.approx(about((0, 1, 0), 40), abs=1e-3)


def hand(curl: float) -> np.ndarray:
    """A left hand, palm down, whose fingers are bent at each joint."""
    pose = {
        f"Left{finger}{part}": about((0, 0, 1), curl)
        for finger in ("Index", "Middle", "Ring", "Little")
        for part in ("Proximal", "Intermediate", "Distal")
    }
    bones = placed(pose)
    points = [bones["LeftHand"].place]
    for finger in ("Thumb", "Index", "Middle", "Ring", "Little"):
        parts = [bones[f"Left{finger}{part}"] for part in ("Proximal", "Intermediate", "Distal")]
        along = (-0.02, 0.0, 0.02) if finger == "Thumb" else (-0.02, 0.0, 0.0)
        tip = tuple(a + b for a, b in zip(parts[-1].place, rotate(parts[-1].rotation, along), strict=True))
        points += [*(part.place for part in parts), tip]
    return -np.array(points, np.float32)


@pytest.mark.parametrize("name", ["hand21", "hands42"])
def test_fingers_bend(name: str) -> None:
    values = hand(50.0)
    if name == "hands42":
        values = np.concatenate([values, np.full((21, 3), np.nan, np.float32)])
    rig = BodyRig(aspect=1.0)
    assert rig.update({name: values})
    for part in ("Proximal", "Intermediate", "Distal"):
        assert rig.pose[f"LeftIndex{part}"] == pytest.approx(about((0, 0, 1), 50), abs=1e-3)
    assert rig.pose["LeftThumbDistal"] == pytest.approx(IDENTITY, abs=1e-3)
    assert "RightIndexProximal" not in rig.pose


def test_bones_are_taken_as_they_are() -> None:
    bones = np.array([IDENTITY] * len(BONE_NAMES), np.float32)
    bones[BONE_NAMES.index("RightHand")] = about((1, 0, 0), 30)
    rig = BodyRig()
    assert rig.update({BONE_SET: bones})
    assert rig.pose["RightHand"] == pytest.approx(about((1, 0, 0), 30), abs=1e-6)


def test_no_body_nothing_changes() -> None:
    rig = BodyRig()
    before = dict(rig.pose)
    assert not rig.update({"imu6": np.zeros((2, 3), np.float32)})
    assert rig.pose == before


def test_who_squats_has_low_hips() -> None:
    assert hips_height({"world33": world_landmarks({})}) == pytest.approx(BONES["Hips"].place[1], abs=0.06)
    thighs = {f"{side}UpperLeg": about((1, 0, 0), -80) for side in ("Left", "Right")}
    squat = {**thighs, **{f"{side}LowerLeg": about((1, 0, 0), 140) for side in ("Left", "Right")}}
    assert hips_height({"world33": world_landmarks(squat)}) < 0.5
    assert hips_height({}) == BONES["Hips"].place[1]


def test_the_bones_are_unitys_in_its_order() -> None:
    assert len(BONE_NAMES) == len(set(BONE_NAMES)) == 55
    assert BONE_NAMES[:5] == ("Hips", "LeftUpperLeg", "RightUpperLeg", "LeftLowerLeg", "RightLowerLeg")
    assert BONE_NAMES.index("Head") == 10
    assert BONE_NAMES.index("LeftHand") == 17
    assert BONE_NAMES.index("Jaw") == 23
    assert BONE_NAMES.index("RightThumbProximal") == 39
    assert BONE_NAMES[54] == "UpperChest"


def test_a_child_turns_with_its_parent() -> None:
    turn = about((0, 1, 0), 90)
    bones = placed({"Hips": turn, "Spine": turn})
    assert bones["Chest"].rotation == pytest.approx(multiply(turn, turn))
