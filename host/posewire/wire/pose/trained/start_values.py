"""A set's start values, from the trained tables: coding order, template, scales and weights (section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from posewire.wire.pose.sets import LandmarkSet
from posewire.wire.pose.trained.tables import TRAINED, Trained

UNTRAINED_SCALE = 24  # scale codes of sets without a table
UNTRAINED_INTRA_SCALE = 34
QUATERNION_INTRA_SCALE = 58
UNTRAINED_WEIGHT = 64

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


@dataclass(frozen=True, slots=True)
class StartValues:
    """A set's coding order (the form of ``core.model.Model.order``) and its values before the first frame."""

    order: list[int]
    template: list[int]
    intra_scale: list[int]
    scale: list[int]
    weight: list[int]

    @property
    def rows(self) -> tuple[list[int], list[int], list[int], list[int]]:
        """The rows of ``core.model.Model.start``."""
        return self.template, self.intra_scale, self.scale, self.weight


@lru_cache(maxsize=64)
def start_values(spec: LandmarkSet, coarse: int) -> StartValues:
    """Coding order and start values of a set, on the grid of this coarse level."""
    table = TRAINED.get(_TABLE_OF.get(spec.id, ""))
    return _untrained(spec, coarse) if table is None else _trained(spec, coarse, table)


def _untrained(spec: LandmarkSet, coarse: int) -> StartValues:
    """Index order, each landmark predicted by its parent; quaternions start wide, others as if a few steps apart."""
    channels, size = spec.coded_channels, spec.coded_size
    order: list[int] = []
    for landmark, parent in enumerate(spec.parents or (-1,) * spec.landmarks):
        order += [landmark * channels, 0 if parent < 0 else 1, max(parent, 0) * channels, 0, 0]
    by = coarse + (12 - spec.bits[0] if spec.is_quaternion else 0)
    intra = QUATERNION_INTRA_SCALE if spec.is_quaternion else UNTRAINED_INTRA_SCALE
    intra_scale, scale = (_shift_scale(unpack_scale(code), by) for code in (intra, UNTRAINED_SCALE))
    return StartValues(order, [0] * size, [intra_scale] * size, [scale] * size, [UNTRAINED_WEIGHT] * size)


def _trained(spec: LandmarkSet, coarse: int, table: Trained) -> StartValues:
    channels, size = spec.coded_channels, spec.coded_size
    hands = 2 if spec.name == "hands42" else 1
    per_hand = spec.landmarks // hands
    order: list[int] = []
    template, intra_scale, scale, weight = ([0] * size for _ in range(4))
    for hand in range(hands):
        offset = hand * per_hand
        for landmark, references in zip(table.order, table.refs, strict=True):
            if landmark >= per_hand:
                continue
            first = (landmark + offset) * channels
            order += [first, len(references), *((r + offset) * channels for r in references)]
            order += [0] * (3 - len(references))
            for channel in range(channels):
                by = table.bits[channel] - spec.bits[channel] + coarse
                source = landmark * table.channels + channel
                template[first + channel] = _shift_value(table.template[source], by)
                intra_scale[first + channel] = _shift_scale(unpack_scale(table.intra_scale[source]), by)
                scale[first + channel] = _shift_scale(unpack_scale(table.scale[source]), by)
                weight[first + channel] = table.weight[source]
    return StartValues(order, template, intra_scale, scale, weight)


def index_order(landmarks: int, channels: int) -> list[int]:
    """Index order, no landmark predicted by another one."""
    return [v for landmark in range(landmarks) for v in (landmark * channels, 0, 0, 0, 0)]


def unpack_scale(code: int) -> int:
    """Quarter-octave byte → Q4 scale (2 … 32767), section 5."""
    return _limit_scale(((4 + (code & 3)) << (code >> 2)) >> 2)


def _shift_value(value: int, by: int) -> int:
    """``value`` on a grid ``by`` bits coarser, halves upwards (finer for a negative ``by``)."""
    if by > 0:
        return (value + (1 << (by - 1))) >> by
    return max(-32768, min(32767, value << -by))


def _shift_scale(value: int, by: int) -> int:
    return _limit_scale(value >> by if by > 0 else value << -by)


def _limit_scale(value: int) -> int:
    return max(2, min(value, 32767))
