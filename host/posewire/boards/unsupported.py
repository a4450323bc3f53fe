"""Boards that people ask about and that cannot work, or not yet: boards/unsupported.toml."""

import tomllib
from typing import NamedTuple

from posewire.boards.folders import boards_folder
from posewire.errors import BoardError


class Unsupported(NamedTuple):
    """A board, and why not."""

    title: str
    reason: str


def unsupported_boards() -> list[Unsupported]:
    """All of them, in the order of the file. Raises BoardError."""
    path = boards_folder() / "unsupported.toml"
    try:
        entries = tomllib.loads(path.read_text("utf-8"))["board"]
        return [Unsupported(entry["title"], entry["reason"]) for entry in entries]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise BoardError(f"{path}: {error}") from error
