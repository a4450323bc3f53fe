"""Landmark sets: ids, names, numbers of landmarks and channels, default steps."""

from __future__ import annotations

from dataclasses import dataclass

from posewire.errors import PoseError

MAX_LANDMARKS = 1000
MAX_CHANNELS = 8
MAX_COARSE = 7

CUSTOM_ID = 0
QUAT_ID = 7


@dataclass(frozen=True, slots=True)
class LandmarkSet:
    """One landmark set as a stream declares it.

    ``bits``: one exponent a channel, the step of channel ``c`` is ``2 ** -bits[c]`` (``-15 … 15``).
    ``parents``: for ``custom`` sets, the landmark that predicts each landmark (a smaller index), or -1.
    """

    id: int
    name: str
    landmarks: int
    bits: tuple[int, ...]
    parents: tuple[int, ...] = ()

    @property
    def channels(self) -> int:
        return len(self.bits)

    @property
    def is_quaternion(self) -> bool:
        return self.id == QUAT_ID

    @property
    def coded_channels(self) -> int:
        """Channels that travel: of a quaternion three, the largest one follows from them."""
        return 3 if self.is_quaternion else len(self.bits)

    @property
    def size(self) -> int:
        """Integers in one frame."""
        return self.landmarks * len(self.bits)

    @property
    def coded_size(self) -> int:
        return self.landmarks * self.coded_channels


_IMAGE = (12, 12, 10)
_NAMED = (
    LandmarkSet(1, "body33", 33, (*_IMAGE, 6)),
    LandmarkSet(2, "hands42", 42, _IMAGE),
    LandmarkSet(3, "face468", 468, _IMAGE),
    LandmarkSet(4, "face478", 478, _IMAGE),
    LandmarkSet(5, "world33", 33, (10, 10, 10, 6)),
    LandmarkSet(6, "coco17", 17, (12, 12, 6)),
    LandmarkSet(8, "imu6", 2, (0, 0, 0)),
    LandmarkSet(10, "hand21", 21, _IMAGE),
    LandmarkSet(11, "hand21_right", 21, _IMAGE),
)
SETS: dict[str, LandmarkSet] = {s.name: s for s in _NAMED}
_BY_ID: dict[int, LandmarkSet] = {s.id: s for s in _NAMED}


def landmark_set(name: str, bits: tuple[int, ...] | None = None) -> LandmarkSet:
    """The set called ``name`` (``quat1`` … ``quat255`` included), with other steps or fewer channels if
    ``bits`` says so.

    Raises ``PoseError`` for an unknown name or steps out of range.
    """
    if name.startswith("quat") and name[4:].isdigit():
        return make_set(QUAT_ID, int(name[4:]), bits or (12, 12, 12, 12))
    base = SETS.get(name)
    if base is None:
        raise PoseError(f"unknown landmark set {name!r}")
    return base if bits is None else make_set(base.id, base.landmarks, bits)


def custom_set(landmarks: int, bits: tuple[int, ...], parents: tuple[int, ...] = ()) -> LandmarkSet:
    """A set of your own: ``landmarks`` x ``len(bits)`` values; ``parents`` (optional) is its topology."""
    return make_set(CUSTOM_ID, landmarks, bits, parents or (-1,) * landmarks)


def make_set(ident: int, landmarks: int, bits: tuple[int, ...], parents: tuple[int, ...] = ()) -> LandmarkSet:
    """The set that a descriptor in a packet declares. Raises ``PoseError`` where the specification forbids it."""
    if not 1 <= len(bits) <= MAX_CHANNELS or not all(-15 <= b <= 15 for b in bits):
        raise PoseError(f"steps out of range: {bits}")
    if ident == CUSTOM_ID:
        if not 1 <= landmarks <= MAX_LANDMARKS or len(parents) != landmarks:
            raise PoseError(f"a custom set needs 1 to {MAX_LANDMARKS} landmarks and a parent for each")
        if any(p >= i or p < -1 for i, p in enumerate(parents)):
            raise PoseError("a parent must come before its landmark")
        return LandmarkSet(CUSTOM_ID, "custom", landmarks, bits, parents)
    if ident == QUAT_ID:
        if not 1 <= landmarks <= 255 or len(bits) != 4 or len(set(bits)) != 1 or not 4 <= bits[0] <= 14:
            raise PoseError("a quat set must be 1 to 255 quaternions with one step of 2^-4 to 2^-14")
        return LandmarkSet(QUAT_ID, f"quat{landmarks}", landmarks, bits)
    base = _BY_ID.get(ident)
    if base is None:
        raise PoseError(f"unknown landmark set {ident}")
    if len(bits) > base.channels:
        raise PoseError(f"{base.name} has at most {base.channels} channels")
    return LandmarkSet(ident, base.name, base.landmarks, bits)


def is_known(ident: int) -> bool:
    """Whether this version can decode sets with this id (others are skipped)."""
    return ident in _BY_ID or ident in (CUSTOM_ID, QUAT_ID)
