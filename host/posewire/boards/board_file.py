"""board.toml: a typed loader that says what is wrong in words that the author of the file can act on."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from posewire.boards.contradictions import find_contradictions
from posewire.boards.definition import TABLES, BoardDefinition
from posewire.config import read_toml
from posewire.errors import BoardError, ConfigError


def load_board(folder: Path) -> BoardDefinition:
    """Read and check the board.toml of a folder.

    Raises:
        BoardError: it cannot be read, is not TOML, or describes no board that there can be. One line for each finding.
    """
    path = folder / "board.toml"
    try:
        data = read_toml(path)
    except ConfigError as error:
        raise BoardError(str(error)) from None
    try:
        return parse_board(data)
    except BoardError as error:
        raise BoardError(f"{path}:\n{error}") from None


def parse_board(data: Mapping[str, Any]) -> BoardDefinition:
    """Check the tables of a board.toml.

    Raises:
        BoardError: one line for each finding.
    """
    findings: list[str] = []
    tables = _tables(data, findings)
    if findings:
        raise BoardError("\n".join(findings))
    board = BoardDefinition(**tables)
    findings = find_contradictions(board)
    if findings:
        raise BoardError("\n".join(findings))
    return board


# Not read_table of posewire.config: that stops at the first finding, and whoever describes a board wants all of them.
def _tables(data: Mapping[str, Any], findings: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, content in data.items():
        if name == "pins" and isinstance(content, dict):
            result["pins"] = _pins(content, findings)
        elif name in TABLES and isinstance(content, dict):
            result[name] = _table(name, TABLES[name], content, findings)
        else:
            findings.append(f"[{name}] is not a table of a board: there are {', '.join([*TABLES, 'pins'])}")
    findings.extend(f"[{name}] is missing" for name in ("board", "image", "pins") if name not in data)
    return result


def _pins(content: Mapping[str, Any], findings: list[str]) -> dict[str, int]:
    pins: dict[str, int] = {}
    for name, number in content.items():
        if isinstance(number, int) and not isinstance(number, bool):
            pins[name] = number
        else:
            findings.append(
                f"[pins] {name} must be a GPIO number, is {number!r}; leave out what the board does not have"
            )
    return pins


def _table(name: str, kind: type[Any], content: Mapping[str, Any], findings: list[str]) -> Any:
    # "class" is a word of Python's own.
    values = {"grade" if key == "class" else key: value for key, value in content.items()}
    say = partial(_label, name)
    known = {item.name: item for item in fields(kind)}
    before = len(findings)
    findings.extend(f"{say(key)} is unknown" for key in values if key not in known)
    for key, item in known.items():
        if key in values:
            if not _is_a(values[key], item.type):
                findings.append(f"{say(key)} must be {_words(item.type)}, is {values[key]!r}")
        elif item.default is MISSING and item.default_factory is MISSING:
            findings.append(f"{say(key)} is missing")
    return kind(**values) if len(findings) == before else None


def _label(table: str, key: str) -> str:
    return f"[{table}] {'class' if key == 'grade' else key}"


def _is_a(value: Any, kind: Any) -> bool:
    if isinstance(kind, UnionType):
        return any(_is_a(value, option) for option in get_args(kind))
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is_a(item, get_args(kind)[0]) for item in value)
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _words(kind: Any) -> str:
    if get_origin(kind) is list:
        inner = get_args(kind)[0]
        return "a list of [address, register, value]" if get_origin(inner) is list else "a list of texts"
    return {str: "a text", int: "a whole number", bool: "true or false"}[kind]
