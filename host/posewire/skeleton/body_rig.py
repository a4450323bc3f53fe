"""From landmarks of a body and its hands to the rotations of a humanoid's bones."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.skeleton.humanoid import BONE_NAMES, BONES, Pose
from posewire.skeleton.rotations import (
    IDENTITY,
    Rotation,
    Vector,
    about,
    add,
    aligned,
    between,
    blend,
    cross,
    inverse,
    length,
    middle,
    multiply,
    normalized,
    rotate,
    scale,
    subtract,
    unit,
)

Values = Mapping[str, Any]
"""Landmark sets by name, as ``ReceivedPose.values``."""

BODY_SETS = ("world33", "body33")
BONE_SET = f"quat{len(BONE_NAMES)}"

_SEEN = 0.5
"""The visibility from which a landmark counts as seen."""

_UP: Vector = (0.0, 1.0, 0.0)
_FORWARD: Vector = (0.0, 0.0, 1.0)
_RIGHT: Vector = (1.0, 0.0, 0.0)
_DOWN: Vector = (0.0, -1.0, 0.0)
_LEFT: Vector = (-1.0, 0.0, 0.0)

_FINGER_BONES = (("Thumb", 1), ("Index", 5), ("Middle", 9), ("Ring", 13), ("Little", 17))
_PARTS = ("Proximal", "Intermediate", "Distal")
_STRAIGHT, _BENT = 0.2, 0.5
"""Sines of a joint's angle: below, where its hinge lies cannot be told; above, it is as measured."""


class BodyRig:
    """Turns the poses of one body into rotations of bones.

    A bone whose landmarks are not seen keeps the rotation that it had; one that was never seen hangs down (arms) or
    stands straight. ``aspect``: width by height of the pictures, for landmarks that are shares of them (``body33``).
    """

    def __init__(self, aspect: float = 4 / 3) -> None:
        self.aspect = aspect
        self._pose: dict[str, Rotation] = {
            "LeftUpperArm": about((0.0, 0.0, 1.0), 75.0),
            "RightUpperArm": about((0.0, 0.0, 1.0), -75.0),
        }

    @property
    def pose(self) -> Pose:
        """The rotation of each bone relative to the one it hangs on."""
        return self._pose

    def update(self, values: Values) -> bool:
        """Take the landmark sets of an instant; returns whether there was anything of a body in them."""
        used = self._use_bones(values.get(BONE_SET))
        for name in BODY_SETS:
            if not used and values.get(name) is not None:
                at = _Landmarks(values[name], 1.0 if name == "world33" else self.aspect)
                self._torso(at)
                for side in ("Left", "Right"):
                    self._arm(at, side)
                    self._leg(at, side)
                used = True
        hands = values.get("hands42")
        for side, own, rows in (("Left", "hand21", slice(0, 21)), ("Right", "hand21_right", slice(21, 42))):
            hand = values.get(own) if hands is None else hands[rows]
            if hand is not None and not np.isnan(hand[0, 0]):
                self._hand(_Landmarks(hand, self.aspect), side)
                used = True
        return used

    # --- bones as they come

    def _use_bones(self, bones: NDArray[np.float32] | None) -> bool:
        if bones is None:
            return False
        for name, values in zip(BONE_NAMES, bones.tolist(), strict=True):
            rotation = normalized(tuple(values))
            if rotation[0] == rotation[0]:  # not NaN: it is there
                self._pose[name] = rotation
        return True

    # --- parts of the body

    def _torso(self, at: "_Landmarks") -> None:
        shoulders = at.line(11, 12)
        if shoulders is None:
            return
        hips = at.line(23, 24)
        if hips is not None:
            up = subtract(at.middle(11, 12), at.middle(23, 24))
            below = aligned(_RIGHT, _UP, hips, up)
            above = aligned(_UP, _RIGHT, up, shoulders)
        else:
            # A desk hides the hips: they are below the shoulders, upright, and face where those face.
            below = aligned(_UP, _RIGHT, _UP, shoulders)
            above = aligned(_RIGHT, _UP, shoulders, _UP)
        if below is None or above is None:
            return
        spine = blend(below, above, 0.5)
        self._pose["Hips"] = below
        self._pose["Spine"] = multiply(inverse(below), spine)
        self._pose["Chest"] = multiply(inverse(spine), above)
        self._head(at)

    def _head(self, at: "_Landmarks") -> None:
        ears = at.line(7, 8)
        if ears is None or not at.seen(0, 2, 5):
            return
        # The plane through the ears and the lower edge of the eyes is level when the head is.
        front = middle(at[0], at.middle(2, 5))
        turned = aligned(_RIGHT, _FORWARD, ears, subtract(front, at.middle(7, 8)))
        if turned is None:
            return
        chest = self._rotation("UpperChest")
        neck = blend(chest, turned, 0.5)
        self._pose["Neck"] = multiply(inverse(chest), neck)
        self._pose["Head"] = multiply(inverse(neck), turned)

    def _arm(self, at: "_Landmarks", side: str) -> None:
        shoulder, elbow, wrist, little, index = (number + (side == "Right") for number in (11, 13, 15, 17, 19))
        rest, hinge = (_LEFT, _UP) if side == "Left" else (_RIGHT, _DOWN)
        if not at.seen(shoulder, elbow):
            return
        upper = subtract(at[elbow], at[shoulder])
        lower = subtract(at[wrist], at[elbow]) if at.seen(wrist) else None
        self._limb(f"{side}UpperArm", f"{side}LowerArm", rest, hinge, upper, lower)
        if lower is not None and at.seen(index, little):
            palm = subtract(at.middle(index, little), at[wrist])
            self._turn(f"{side}Hand", aligned(rest, _FORWARD, palm, subtract(at[index], at[little])))

    def _leg(self, at: "_Landmarks", side: str) -> None:
        hip, knee, ankle, heel, toe = (number + (side == "Right") for number in (23, 25, 27, 29, 31))
        if not at.seen(hip, knee):
            return
        upper = subtract(at[knee], at[hip])
        lower = subtract(at[ankle], at[knee]) if at.seen(ankle) else None
        self._limb(f"{side}UpperLeg", f"{side}LowerLeg", _DOWN, _RIGHT, upper, lower)
        foot = unit(subtract(at[toe], at[heel])) if at.seen(heel, toe) else None
        if lower is not None and foot is not None:
            self._swing(f"{side}Foot", _FORWARD, foot)

    def _hand(self, at: "_Landmarks", side: str) -> None:
        """The palm, and each finger relative to it."""
        rest = _LEFT if side == "Left" else _RIGHT
        palm = aligned(rest, _FORWARD, subtract(at.middle(5, 17), at[0]), subtract(at[5], at[17]))
        if palm is None:
            return
        self._turn(f"{side}Hand", palm)
        for finger, first in _FINGER_BONES:
            thumb = unit((rest[0], 0.0, 1.0))
            straight = thumb if finger == "Thumb" and thumb is not None else rest
            before = palm
            for part, number in zip(_PARTS, range(first, first + 3), strict=True):
                direction = unit(subtract(at[number + 1], at[number]))
                if direction is None:
                    break
                own = between(straight, rotate(inverse(before), direction))
                self._pose[f"{side}{finger}{part}"] = own
                before = multiply(before, own)

    # --- bones

    def _rotation(self, name: str) -> Rotation:
        """How a bone is rotated in space."""
        own, parent = self._pose.get(name, IDENTITY), BONES[name].parent
        return own if parent is None else multiply(self._rotation(parent), own)

    def _turn(self, name: str, rotation: Rotation | None) -> None:
        """Rotate a bone so that it is rotated in space as given."""
        parent = BONES[name].parent
        if rotation is not None and parent is not None:
            self._pose[name] = multiply(inverse(self._rotation(parent)), rotation)

    def _swing(self, name: str, rest: Vector, direction: Vector) -> None:
        """Rotate a bone the shortest way, so that it points in a direction."""
        parent = BONES[name].parent
        assert parent is not None
        self._pose[name] = between(rest, rotate(inverse(self._rotation(parent)), direction))

    def _limb(self, upper: str, lower: str, rest: Vector, hinge: Vector, one: Vector, two: Vector | None) -> None:
        """Rotate the two bones of an arm or a leg. The joint between them is a hinge: it tells how the upper turns."""
        first = unit(one)
        if first is None:
            return
        self._swing(upper, rest, first)
        second = unit(two) if two is not None else None
        if second is None:
            return
        bend = cross(first, second)
        bent = min(max((length(bend) - _STRAIGHT) / (_BENT - _STRAIGHT), 0.0), 1.0)
        measured = unit(bend)
        if measured is not None and bent > 0:
            expected = rotate(self._rotation(upper), hinge)
            mixed = add(scale(expected, 1 - bent), scale(measured, bent))
            self._turn(upper, aligned(rest, hinge, first, mixed))
        self._swing(lower, rest, second)


class _Landmarks:
    """The landmarks of a set as points in the skeleton's space."""

    def __init__(self, values: NDArray[np.float32], aspect: float) -> None:
        # Of a picture's x, y down and z away, all three point the other way in the skeleton's space.
        self._rows = [(-aspect * row[0], -row[1], -aspect * row[2]) for row in values[:, :3].tolist()]
        visible = [row[3] for row in values.tolist()] if values.shape[1] > 3 else [1.0] * len(values)
        self._seen = [math.isfinite(sum(row)) and seen >= _SEEN for row, seen in zip(self._rows, visible, strict=True)]

    def __getitem__(self, number: int) -> Vector:
        return self._rows[number]

    def seen(self, *numbers: int) -> bool:
        return all(self._seen[number] for number in numbers)

    def middle(self, a: int, b: int) -> Vector:
        return middle(self[a], self[b])

    def line(self, left: int, right: int) -> Vector | None:
        """From a landmark of the left to that of the right; None where one is not seen."""
        return subtract(self[right], self[left]) if self.seen(left, right) else None


def hips_height(pose: Values) -> float:
    """Return how high the hips are above the ground, where the lowest foot stands on it; as in the T where the feet,
    or metres (``world33``), are missing."""
    world = pose.get("world33")
    standing = BONES["Hips"].place[1]
    if world is None:
        return standing
    at = _Landmarks(world, 1.0)
    feet = [-at[number][1] for number in range(27, 33) if at.seen(number)]
    if not feet or not at.seen(*range(23, 29)):
        return standing
    thighs = [length(subtract(at[hip], at[hip + 2])) for hip in (23, 24)]
    shins = [length(subtract(at[knee], at[knee + 2])) for knee in (25, 26)]
    legs = (sum(thighs) + sum(shins)) / 2
    size = -sum(BONES[name].place[1] for name in ("LeftLowerLeg", "LeftFoot"))
    return min(max(feet) * size / legs, standing) if legs > 0 else standing
