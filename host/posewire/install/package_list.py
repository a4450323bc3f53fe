"""What a board lacks, as data for somebody who writes it: a page that has the board at its own serial port."""

import base64
from pathlib import Path
from typing import Any

from posewire.boards.budgets import device_tables
from posewire.boards.definition import BoardDefinition
from posewire.install.bundle import firmware_files, json_file
from posewire.install.deploy import STAGED, BoardState, check_space, make_folders, make_plan, put_in_place, refuse
from posewire.install.interpreter import check_interpreter


def package_list(board: BoardDefinition, firmware: Path, state: BoardState) -> dict[str, Any]:
    """Return what a deployment to a board in that state does.

    ``before``, then ``write`` (``path``, ``base64``), then ``after``: programs for the board around the files to write;
    ``digests``: what all files must have at the end, by path; ``unchanged``: how many the board has already.

    Raises:
        InstallError: the board is another one, its MicroPython too old, its flash too small; or there is no compiler.
    """
    check_interpreter(state.interpreter, board)
    refuse(board, {})
    architecture = state.interpreter.architecture if state.interpreter.takes_mpy else ""
    files = firmware_files(firmware, architecture, board.board.profile)
    files.append(json_file("board.json", device_tables(board)))
    plan = make_plan(files, state)
    check_space(plan, state)
    return {
        "interpreter": state.interpreter.describe(),
        "before": make_folders(plan),
        "write": [
            {"path": file.path + STAGED, "size": len(file.data), "base64": base64.b64encode(file.data).decode()}
            for file in plan.write
        ],
        "after": put_in_place(plan),
        "digests": {file.path: file.digest for file in files},
        "unchanged": plan.same,
    }
