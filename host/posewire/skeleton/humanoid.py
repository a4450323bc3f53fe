"""The bones of a humanoid: their names, how they hang together, and where they are when nothing is rotated.

The names and their order are Unity's and VRM's, so that the set ``quat55`` holds the rotation of each bone, relative to
the one it hangs on. Space is Unity's: x to the right of whoever looks along z, y up, z forward, in metres; the body
stands in a T and looks along z, so its left hand is at negative x.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from posewire.skeleton.rotations import IDENTITY, Rotation, Vector, add, multiply, rotate


@dataclass(frozen=True)
class Bone:
    """A bone. ``place``: where it begins, seen from the beginning of the bone that it hangs on."""

    name: str
    parent: str | None
    place: Vector


def _mirrored(name: str, parent: str, x: float, y: float, z: float) -> list[Bone]:
    """The bone of the left, whose place is given, and of the right."""
    sided = parent.startswith("*")
    return [
        Bone(side + name, side + parent[1:] if sided else parent, (x if side == "Left" else -x, y, z))
        for side in ("Left", "Right")
    ]


def _finger(name: str, first: Vector, second: Vector, third: Vector) -> list[Bone]:
    return [
        *_mirrored(f"{name}Proximal", "*Hand", *first),
        *_mirrored(f"{name}Intermediate", f"*{name}Proximal", *second),
        *_mirrored(f"{name}Distal", f"*{name}Intermediate", *third),
    ]


_BY_NAME: dict[str, Bone] = {
    bone.name: bone
    for bone in (
        Bone("Hips", None, (0.0, 0.92, 0.0)),
        *_mirrored("UpperLeg", "Hips", -0.09, -0.03, 0.0),
        *_mirrored("LowerLeg", "*UpperLeg", 0.0, -0.42, 0.0),
        *_mirrored("Foot", "*LowerLeg", 0.0, -0.41, 0.0),
        *_mirrored("Toes", "*Foot", 0.0, -0.06, 0.13),
        Bone("Spine", "Hips", (0.0, 0.10, 0.0)),
        Bone("Chest", "Spine", (0.0, 0.12, 0.0)),
        Bone("UpperChest", "Chest", (0.0, 0.12, 0.0)),
        Bone("Neck", "UpperChest", (0.0, 0.14, 0.0)),
        Bone("Head", "Neck", (0.0, 0.09, 0.0)),
        *_mirrored("Eye", "Head", -0.03, 0.085, 0.07),
        Bone("Jaw", "Head", (0.0, 0.0, 0.03)),
        *_mirrored("Shoulder", "UpperChest", -0.03, 0.09, 0.0),
        *_mirrored("UpperArm", "*Shoulder", -0.14, 0.0, 0.0),
        *_mirrored("LowerArm", "*UpperArm", -0.28, 0.0, 0.0),
        *_mirrored("Hand", "*LowerArm", -0.25, 0.0, 0.0),
        *_finger("Thumb", (-0.03, -0.01, 0.03), (-0.03, 0.0, 0.03), (-0.022, 0.0, 0.022)),
        *_finger("Index", (-0.09, 0.0, 0.03), (-0.035, 0.0, 0.0), (-0.022, 0.0, 0.0)),
        *_finger("Middle", (-0.092, 0.0, 0.01), (-0.04, 0.0, 0.0), (-0.025, 0.0, 0.0)),
        *_finger("Ring", (-0.087, 0.0, -0.01), (-0.036, 0.0, 0.0), (-0.024, 0.0, 0.0)),
        *_finger("Little", (-0.08, 0.0, -0.03), (-0.028, 0.0, 0.0), (-0.018, 0.0, 0.0)),
    )
}

_FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
_PARTS = ("Proximal", "Intermediate", "Distal")

_SIDES = ("Left", "Right")
_LEGS = ("UpperLeg", "LowerLeg", "Foot")
_ARMS_AND_MORE = ("Shoulder", "UpperArm", "LowerArm", "Hand", "Toes", "Eye")

BONE_NAMES: tuple[str, ...] = (
    "Hips",
    *(side + name for name in _LEGS for side in _SIDES),
    *("Spine", "Chest", "Neck", "Head"),
    *(side + name for name in _ARMS_AND_MORE for side in _SIDES),
    "Jaw",
    *(side + finger + part for side in _SIDES for finger in _FINGERS for part in _PARTS),
    "UpperChest",
)
"""The 55 bones in the order of the set ``quat55``."""

BONES: Mapping[str, Bone] = {name: _BY_NAME[name] for name in BONE_NAMES}

FROM_THE_ROOT: tuple[Bone, ...] = tuple(_BY_NAME.values())
"""The bones, each after the one it hangs on."""

Pose = Mapping[str, Rotation]
"""The rotation of each bone relative to the one it hangs on; a bone that is not there is not rotated."""


@dataclass(frozen=True)
class Placed:
    """A bone in space: where it begins, and how it is rotated."""

    place: Vector
    rotation: Rotation


def placed(pose: Pose) -> dict[str, Placed]:
    """Return where every bone of a pose is."""
    found: dict[str, Placed] = {}
    for bone in FROM_THE_ROOT:
        own = pose.get(bone.name, IDENTITY)
        if bone.parent is None:
            found[bone.name] = Placed(bone.place, own)
            continue
        parent = found[bone.parent]
        place = add(parent.place, rotate(parent.rotation, bone.place))
        found[bone.name] = Placed(place, multiply(parent.rotation, own))
    return found
