"""The output of programs on the simulated board."""

import json
from typing import Any

from posewire.sim.board import SimBoard


def shown(board: SimBoard) -> list[Any]:
    """The values that a program has shown so far."""
    return [json.loads(line[4:]) for line in board.log if line.startswith(">>> ")]
