"""The set ``world33`` of a humanoid's pose: where BlazePose's 33 landmarks would be."""

import numpy as np
from numpy.typing import NDArray

from posewire.skeleton.humanoid import Pose, placed
from posewire.skeleton.rotations import Vector, add, middle, rotate

_CENTRE: tuple[tuple[str, Vector], ...] = (("Head", (0.0, 0.035, 0.115)),)
# Of the left side, each followed by that of the right, as BlazePose counts them from landmark 1 on.
_EYES: tuple[tuple[str, Vector], ...] = (
    ("Head", (-0.02, 0.085, 0.09)),
    ("Head", (-0.03, 0.085, 0.09)),
    ("Head", (-0.04, 0.085, 0.085)),
)
_PAIRS: tuple[tuple[str, Vector], ...] = (
    ("Head", (-0.075, 0.06, 0.0)),
    ("Head", (-0.025, -0.01, 0.095)),
    ("*UpperArm", (0.0, 0.0, 0.0)),
    ("*LowerArm", (0.0, 0.0, 0.0)),
    ("*Hand", (0.0, 0.0, 0.0)),
    ("*LittleProximal", (0.0, 0.0, 0.0)),
    ("*IndexProximal", (0.0, 0.0, 0.0)),
    ("*ThumbIntermediate", (0.0, 0.0, 0.0)),
    ("*UpperLeg", (0.0, 0.0, 0.0)),
    ("*LowerLeg", (0.0, 0.0, 0.0)),
    ("*Foot", (0.0, 0.0, 0.0)),
    ("*Foot", (0.0, -0.06, -0.05)),
    ("*Foot", (0.0, -0.06, 0.16)),
)


def _sided(mark: tuple[str, Vector], side: str) -> tuple[str, Vector]:
    bone, (x, y, z) = mark
    return bone.replace("*", side), (x if side == "Left" else -x, y, z)


_LANDMARKS = (
    *_CENTRE,
    *(_sided(mark, "Left") for mark in _EYES),
    *(_sided(mark, "Right") for mark in _EYES),
    *(_sided(mark, side) for mark in _PAIRS for side in ("Left", "Right")),
)


def world_landmarks(pose: Pose) -> NDArray[np.float32]:
    """Return the set ``world33`` of a pose: metres from the middle of the hips; x to the left of the body when it
    faces the camera, y down, z away from the camera."""
    bones = placed(pose)
    centre = middle(bones["LeftUpperLeg"].place, bones["RightUpperLeg"].place)
    out = np.ones((33, 4), np.float32)
    for number, (name, offset) in enumerate(_LANDMARKS):
        bone = bones[name]
        at = add(bone.place, rotate(bone.rotation, offset))
        out[number, :3] = [centre[axis] - at[axis] for axis in range(3)]
    return out
