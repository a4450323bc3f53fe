"""A slice of the fuzz run: ``python tests/pose/fuzz.py`` is the long one."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import fuzz


def test_no_wrong_frame_is_shown() -> None:
    tally = fuzz.run(6000, 7, compiled=False)
    assert tally.wrong == 0
    assert tally.shown > 1000
    assert tally.refused > 3000


def test_memory_stays_bounded() -> None:
    fuzz.run(500, 8, compiled=False)
    tracemalloc.start()
    fuzz.run(2000, 9, compiled=False)
    first = tracemalloc.get_traced_memory()[0]
    fuzz.run(4000, 10, compiled=False)
    grown = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    assert grown < 1_000_000
