"""pytest fixtures for tests with simulated boards.

Add ``pytest_plugins = ["posewire.sim.fixtures"]`` to the top conftest.py, then::

    def test_reply(sim_board):
        board = sim_board("ws://127.0.0.1:8000/posewire/v1/", room="studio")
        board.wait_connected()
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from posewire.sim.board import SimBoard

MakeBoard = Callable[..., SimBoard]


@pytest.fixture
def sim_chip() -> str | None:
    """Whose memory the boards of sim_board have where a test says nothing: see SimBoard. To be overridden."""
    return None


@pytest.fixture
def sim_board(sim_chip: str | None) -> Iterator[MakeBoard]:
    """Make boards: ``sim_board(url, **options)`` (see SimBoard) returns one that is switched on.

    All of them are gone after the test; what their firmware printed shows when the test fails.
    """
    boards: list[SimBoard] = []

    def make(*args: Any, **options: Any) -> SimBoard:
        options.setdefault("chip", sim_chip)
        board = SimBoard(*args, **options)
        boards.append(board)
        board.start()
        return board

    yield make
    for board in boards:
        board.close()
        for line in board.log:
            print(f"{board.device_id} | {line}")  # noqa: T201 - pytest shows it with a test that fails
