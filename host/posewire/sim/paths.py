"""Where the firmware, the board definitions and the simulated hardware's MicroPython files are."""

from pathlib import Path

import posewire
from posewire.errors import SimulatorError

_PACKAGE = Path(posewire.__file__).parent
# What is called firmware/ and boards/ in a checkout is package data of an installed wheel.
_INSTALLED = {"firmware": _PACKAGE / "_firmware", "boards": _PACKAGE / "_boards"}

HARDWARE = Path(__file__).parent / "micropython"


def firmware_folder() -> Path:
    """The folder with main.py and posewire_fw. Raises SimulatorError."""
    return _find("firmware", "main.py")


def board_folder(name: str) -> Path:
    """The folder with one board's board.toml. Raises SimulatorError that lists the boards there are."""
    boards = _find("boards", "*/board.toml")
    folder = boards / name
    if not (folder / "board.toml").is_file():
        known = ", ".join(sorted(path.parent.name for path in boards.glob("*/board.toml")))
        raise SimulatorError(f"no board definition {name!r}; there are: {known}")
    return folder


def _find(name: str, content: str) -> Path:
    for folder in (_INSTALLED[name], _PACKAGE.parents[1] / name):
        if any(folder.glob(content)):
            return folder
    raise SimulatorError(
        f"the folder {name}/ is neither in the package nor next to it: this installation is incomplete"
    )
