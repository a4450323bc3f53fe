"""Fixtures of the simulator's tests: boards, programs for them, a small host."""

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from posewire.sim.board import SimBoard
from posewire.sim.fixtures import MakeBoard, sim_board
from posewire.sim.memory_model import ROOMY_CHIP
from support.servers.small_host import SmallHost

__all__ = ["sim_board"]

Program = Callable[..., SimBoard]


@pytest.fixture
def sim_chip() -> str:
    """Memory is the subject of few tests: those name the chip."""
    return ROOMY_CHIP


@pytest.fixture
def host() -> Iterator[SmallHost]:
    """A WebSocket server that says hello and keeps what it gets."""
    with SmallHost() as server:
        yield server


@pytest.fixture
def program(sim_board: MakeBoard, tmp_path: Path) -> Program:
    """``program(source, **options)`` runs a MicroPython program instead of the firmware, on the same hardware.

    What it gives to ``show(value)`` is in ``programs.shown(board)``.
    """

    def run(source: str, wait: bool = True, **options: Any) -> SimBoard:
        text = "import json\ndef show(value):\n    print('>>> ' + json.dumps(value))\n" + textwrap.dedent(source)
        folder = tmp_path / "program"
        folder.mkdir(exist_ok=True)
        (folder / "main.py").write_text(text + "\nprint('<<< end')\n")
        board = sim_board(firmware=folder, **options)
        if wait:
            board.wait(lambda: "<<< end" in board.log, 20, "the program to end")
        return board

    return run
