"""Where the simulated hardware's MicroPython files are."""

from pathlib import Path

HARDWARE = Path(__file__).parent / "micropython"
