"""From motion sensors worn on a body to the rotations of a humanoid's bones."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posewire.errors import ConfigError
from posewire.skeleton.humanoid import BONES, FROM_THE_ROOT, Pose
from posewire.skeleton.rotations import IDENTITY, Rotation, Vector, dot, inverse, multiply, normalized

_UP: Vector = (0.0, 0.0, 1.0)


class SuitRig:
    """Turns quaternions, one for each of the named bones, into rotations of bones.

    A quaternion is from a sensor's axes to an earth whose z is up. However a sensor sits on its bone: the first pose is
    taken for a T. ``facing``: where the body looked then, in degrees from the earth's x, towards its y.
    """

    def __init__(self, bones: Sequence[str], facing: float = 0.0) -> None:
        """Prepare.

        Raises:
            ConfigError: a name is no bone's, or there twice.
        """
        unknown = [name for name in bones if name not in BONES]
        if unknown or len(set(bones)) != len(bones):
            raise ConfigError(
                f"{', '.join(unknown)}: no bone of a humanoid" if unknown else "a bone is named more than once"
            )
        self.bones = tuple(bones)
        angle = math.radians(facing)
        self._forward: Vector = (math.cos(angle), math.sin(angle), 0.0)
        self._right: Vector = (math.sin(angle), -math.cos(angle), 0.0)
        self._rest: dict[str, Rotation] = {}
        self._pose: dict[str, Rotation] = {}

    @property
    def pose(self) -> Pose:
        """The rotation of each bone relative to the one it hangs on."""
        return self._pose

    def calibrate(self) -> None:
        """Take the next pose for a T."""
        self._rest.clear()

    def update(self, quaternions: NDArray[np.float32]) -> bool:
        """Take the quaternions (bones, 4) of an instant; False: their number is not that of the bones."""
        if quaternions.shape != (len(self.bones), 4):
            return False
        known: dict[str, Rotation] = {}
        for name, row in zip(self.bones, quaternions.tolist(), strict=True):
            if math.isfinite(sum(row)):
                now = normalized((row[0], row[1], row[2], row[3]))
                rest = self._rest.setdefault(name, now)
                known[name] = self._in_space(multiply(now, inverse(rest)))
        in_space: dict[str, Rotation] = {}
        for bone in FROM_THE_ROOT:
            parent = in_space[bone.parent] if bone.parent is not None else IDENTITY
            if bone.name in known:
                self._pose[bone.name] = multiply(inverse(parent), known[bone.name])
            in_space[bone.name] = multiply(parent, self._pose.get(bone.name, IDENTITY))
        return True

    def _in_space(self, turn: Rotation) -> Rotation:
        """A turn in the earth's axes in those of the skeleton, which is left-handed: turns go the other way round."""
        w, axis = turn[0], turn[1:]
        return w, -dot(axis, self._right), -dot(axis, _UP), -dot(axis, self._forward)
