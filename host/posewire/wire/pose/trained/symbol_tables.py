"""The entropy coder's tables in the forms that the core wants (section 6)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from posewire.wire.pose.sets import LandmarkSet
from posewire.wire.pose.trained.tables import FREQUENCIES

TABLES = 14  # in a group
GROUPS = 2
_EXPECTED_SIZES = 1 << 18  # a scale of 32767 times a ratio of 512/64 at most


def table_group(spec: LandmarkSet) -> int:
    """Which group of symbol tables a set uses: 1 for faces, 0 for all others."""
    return 1 if spec.name.startswith("face") else 0


@lru_cache(maxsize=GROUPS)
def cumulative(group: int) -> list[int]:
    """14 x 33 cumulative frequencies of a group of symbol tables."""
    out: list[int] = []
    for row in _frequencies(group):
        total = 0
        out.append(0)
        for frequency in row:
            total += frequency
            out.append(total)
    return out


@lru_cache(maxsize=GROUPS)
def symbol_lookup(group: int) -> bytes:
    """For each table of a group the symbols of the 4096 values that 12 bits can have."""
    return b"".join(bytes([s]) * frequency for row in _frequencies(group) for s, frequency in enumerate(row))


def _frequencies(group: int) -> tuple[tuple[int, ...], ...]:
    return FREQUENCIES[TABLES * group : TABLES * (group + 1)]


@lru_cache(maxsize=1)
def buckets() -> bytes:
    """Expected size (scale times activity) → context: two an octave."""
    size = np.arange(_EXPECTED_SIZES)
    bits = np.frexp(size)[1].astype(np.int64)
    after_highest = (size >> np.maximum(bits - 2, 0)) & 1
    return np.where(bits < 2, size, 2 * bits + after_highest - 2).astype(np.uint8).tobytes()
