"""Fixtures of the installer's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.serial.serial_board import SerialBoard


@pytest.fixture
def serial_board(tmp_path: Path) -> Iterator[SerialBoard]:
    """A board with MicroPython and an empty flash."""
    flash = tmp_path / "flash"
    flash.mkdir()
    with SerialBoard(flash) as board:
        yield board
