"""Landmark sets: ids, names, default steps and, from the trained tables, coding order and start values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from posewire.errors import PoseError
from posewire.wire.pose.tables import FREQUENCIES, TRAINED

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
            raise PoseError("a quat set is 1 to 255 quaternions with one step of 2^-4 to 2^-14")
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


@dataclass(frozen=True, slots=True)
class Plan:
    """What the core needs to know of a set at a coarse level: flat lists, see ``core``."""

    plan: list[int]
    tmpl: list[int]
    kema: list[int]
    pema: list[int]
    pw: list[int]


def unpack_scale(code: int) -> int:
    """Quarter-octave byte → Q4 scale (2 … 32767), section 9."""
    v = ((4 + (code & 3)) << (code >> 2)) >> 2
    return 2 if v < 2 else min(v, 32767)


def _shift(value: int, by: int) -> int:
    """``value`` on a grid ``by`` bits coarser, halves upwards (finer for a negative ``by``)."""
    if by > 0:
        return (value + (1 << (by - 1))) >> by
    return max(-32768, min(32767, value << -by))


def _scale(value: int, by: int) -> int:
    v = value >> by if by > 0 else value << -by
    return 2 if v < 2 else min(v, 32767)


_TABLE_OF = {
    1: "body33",
    2: "hand21",
    3: "face478",
    4: "face478",
    5: "world33",
    6: "coco17",
    10: "hand21",
    11: "hand21",
}


@lru_cache(maxsize=64)
def plan_of(spec: LandmarkSet, coarse: int) -> Plan:
    """Coding order and start values of a set, on the grid of this coarse level."""
    marks, channels = spec.landmarks, spec.coded_channels
    table = TRAINED.get(_TABLE_OF.get(spec.id, ""))
    plan: list[int] = []
    size = spec.coded_size
    if table is None:
        parents = spec.parents or (-1,) * marks
        for i, p in enumerate(parents):
            plan += [i * channels, 0 if p < 0 else 1, max(p, 0) * channels, 0, 0]
        # neither trained: a quaternion's values start wide, others as if a few steps apart
        by = coarse + (12 - spec.bits[0] if spec.is_quaternion else 0)
        kema = [_scale(unpack_scale(58 if spec.is_quaternion else 34), by)] * size
        return Plan(plan, [0] * size, kema, [_scale(unpack_scale(24), by)] * size, [64] * size)
    hands = 2 if spec.name == "hands42" else 1
    count = marks // hands
    wide = table.channels
    tmpl, kema, pema, pw = ([0] * size for _ in range(4))
    for h in range(hands):
        for j in range(len(table.order)):
            i = table.order[j]
            if i >= count:
                continue
            refs = table.refs[j]
            at = (i + h * count) * channels
            plan += [at, len(refs), *((r + h * count) * channels for r in refs), *([0] * (3 - len(refs)))]
            for c in range(channels):
                by = table.bits[c] - spec.bits[c] + coarse
                src = i * wide + c
                tmpl[at + c] = _shift(table.template[src], by)
                kema[at + c] = _scale(unpack_scale(table.intra_scale[src]), by)
                pema[at + c] = _scale(unpack_scale(table.scale[src]), by)
                pw[at + c] = table.weight[src]
    return Plan(plan, tmpl, kema, pema, pw)


def symbol_tables(spec: LandmarkSet) -> int:
    """Which of the two groups of symbol tables a set uses: 1 for faces, 0 for all others."""
    return 1 if spec.name.startswith("face") else 0


@lru_cache(maxsize=2)
def cumulative(group: int) -> list[int]:
    """14 x 33 cumulative frequencies of a group of symbol tables."""
    out: list[int] = []
    for row in FREQUENCIES[14 * group : 14 * group + 14]:
        total = 0
        out.append(0)
        for f in row:
            total += f
            out.append(total)
    return out


@lru_cache(maxsize=2)
def symbol_lookup(group: int) -> bytes:
    """For each table of a group and each 12-bit slot, the symbol."""
    return b"".join(bytes([s]) * f for row in FREQUENCIES[14 * group : 14 * group + 14] for s, f in enumerate(row))


@lru_cache(maxsize=1)
def buckets() -> bytes:
    """Scale (0 … 4095) → context bucket: two buckets an octave."""
    out = bytearray(4096)
    for m in range(4096):
        n = m.bit_length()
        out[m] = m if n < 2 else 2 * n + ((m >> (n - 2)) & 1) - 2
    return bytes(out)
