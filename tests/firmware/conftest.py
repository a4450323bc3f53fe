"""Lets CPython import the firmware: the shim stands for MicroPython's own module."""

import sys
from pathlib import Path

HERE = Path(__file__).parent

for folder in (HERE, HERE / "shim", HERE.parents[1] / "firmware"):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))

import micropython  # noqa: E402, F401  (defines ptr8 and its like before the firmware is imported)
