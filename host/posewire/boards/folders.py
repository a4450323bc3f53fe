"""Where the firmware and the board definitions are: in a checkout, or in an installed wheel."""

from pathlib import Path

import posewire
from posewire.errors import BoardError

_PACKAGE = Path(posewire.__file__).parent
# What is called firmware/ and boards/ in a checkout is package data of an installed wheel.
_INSTALLED = {"firmware": _PACKAGE / "_firmware", "boards": _PACKAGE / "_boards"}


def firmware_folder() -> Path:
    """The folder with main.py and posewire_fw. Raises BoardError."""
    return _find("firmware", "main.py")


def boards_folder() -> Path:
    """The folder with a folder for each board. Raises BoardError."""
    return _find("boards", "*/board.toml")


def board_names() -> list[str]:
    """The names of all board definitions, sorted."""
    return sorted(path.parent.name for path in boards_folder().glob("*/board.toml"))


def board_folder(name: str) -> Path:
    """The folder with one board's board.toml. Raises BoardError that lists the boards there are."""
    folder = boards_folder() / name
    if not (folder / "board.toml").is_file():
        raise BoardError(f"no board definition {name!r}; there are: {', '.join(board_names())}")
    return folder


def _find(name: str, content: str) -> Path:
    for folder in (_INSTALLED[name], _PACKAGE.parents[1] / name):
        if any(folder.glob(content)):
            return folder
    raise BoardError(f"the folder {name}/ is neither in the package nor next to it: this installation is incomplete")
