"""A slice of the fuzz run: ``python tests/pose/fuzz.py`` is the long one."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import fuzz


def test_no_wrong_frame_is_shown() -> None:
    tally = fuzz.run(6000, 7, compiled=False)
    assert tally.wrong == 0
    assert tally.shown > 1000
    assert tally.refused > 3000


def test_memory_stays_bounded() -> None:
    fuzz.run(1500, 8, compiled=False)
    gc.collect()
    before = sys.getallocatedblocks()
    fuzz.run(4000, 10, compiled=False)
    gc.collect()
    assert sys.getallocatedblocks() - before < 10_000
