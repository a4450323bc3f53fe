"""Lets CPython import the firmware: the shim stands for MicroPython's own module."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

for folder in (HERE, HERE / "programs", HERE / "opus", HERE / "shim", HERE.parents[1] / "firmware"):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

import micropython  # noqa: E402, F401  (defines ptr8 and its like before the firmware is imported)


@pytest.fixture(scope="module", autouse=True)
def small_heap() -> Iterator[None]:
    """Leave the test run's own objects out of collections: the firmware collects often, cheaply on a board."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
