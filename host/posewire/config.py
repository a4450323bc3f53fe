"""The reader of all TOML tables: from a table to a checked, frozen dataclass.

The type of a field gives the kind of its values, an ``Annotated`` rule beside it their range::

    @dataclass(frozen=True)
    class ExampleSettings:
        name: str = ""
        port: Annotated[int, between(0, 65535)] = 8000
        timeout: Annotated[float, more_than(0, "seconds")] = 10.0

        def __post_init__(self) -> None:
            check_rules(self)
"""

import math
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from posewire.errors import ConfigError

_T = TypeVar("_T")

# --- rules


@dataclass(frozen=True)
class Rule:
    """A rule for a value that has the right type. ``wanted`` follows "must be" or "must" in its error message."""

    wanted: str
    holds: Callable[[Any], bool]


def between(low: float, high: float, unit: str = "") -> Rule:
    """Return the rule that a number lies between two numbers, or is one of them."""
    return Rule(f"be between {low} and {high} {unit}".rstrip(), lambda value: low <= value <= high)


def at_least(low: float, unit: str = "") -> Rule:
    """Return the rule that a number is not smaller than ``low``."""
    return Rule(f"be at least {low} {unit}".rstrip(), lambda value: value >= low)


def more_than(low: float, unit: str = "") -> Rule:
    """Return the rule that a number is larger than ``low``."""
    return Rule(f"be more than {low} {unit}".rstrip(), lambda value: value > low)


def less_than(high: float, unit: str = "") -> Rule:
    """Return the rule that a number is smaller than ``high``."""
    return Rule(f"be less than {high} {unit}".rstrip(), lambda value: value < high)


def begins_with(*prefixes: str) -> Rule:
    """Return the rule that a string, if there is one, begins with one of the prefixes."""
    return Rule(f"begin with {_either(prefixes)}", lambda value: not value or value.startswith(prefixes))


def check_rules(settings: Any) -> None:
    """Check all fields of a dataclass against the rules in their annotations; call it in ``__post_init__``.

    Raises:
        ConfigError: a value breaks its rule; the message names the field.
    """
    hints = get_type_hints(type(settings), include_extras=True)
    for entry in fields(settings):
        for rule in getattr(hints[entry.name], "__metadata__", ()):
            value = getattr(settings, entry.name)
            if isinstance(rule, Rule) and not rule.holds(value):
                raise ConfigError(f"{entry.name} must {rule.wanted}{_instead(entry, value)}")


# --- tables


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file.

    Raises:
        ConfigError: the file cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def read_table(kind: type[_T], table: Any, section: str) -> _T:
    """Make a ``kind`` (a dataclass) from the table ``[section]``; a setting that is missing has its default.

    Fields may be strings, numbers, true or false, ``Literal`` choices, tuples or frozen sets of strings (a single
    string stands for a list of one), other dataclasses (tables), tuples of dataclasses (``[[section.key]]``), and
    mappings of dataclasses or of anything (tables by name).

    Raises:
        ConfigError: a setting is unknown, missing, of the wrong type or out of range; the message names it.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(f"[{section}] must be a table")
    hints = get_type_hints(kind)
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            names = f"its settings are {', '.join(known)}" if known else "it has no settings"
            raise ConfigError(f"[{section}] has no setting {key!r}; {names}")
        given[key] = _read(hints[key], value, section, known[key])
    for name, entry in known.items():
        if name not in given and entry.default is MISSING and entry.default_factory is MISSING:
            raise ConfigError(f"[{section}] needs the setting {name}")
    try:
        return kind(**given)
    except ConfigError as error:
        raise ConfigError(f"[{section}] {error}") from None


def _read(hint: Any, value: Any, section: str, entry: "Field[Any]") -> Any:
    """Return a value as the type of its field wants it; nested tables are read here."""
    inner = _inner_table(hint)
    where = f"{section}.{entry.name}"
    if inner is None:
        wanted, convert = _plain(hint)
        try:
            return convert(value)
        except (TypeError, ValueError):
            raise ConfigError(f"[{section}] {entry.name} must be {wanted}{_instead(entry, value)}") from None
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"[{section}] {entry.name} must be written as tables [[{where}]]")
        return tuple(read_table(inner, table, f"[{where}]") for table in value)
    if get_origin(hint) is None or get_origin(hint) in _UNIONS:
        return read_table(inner, value, where)
    if not isinstance(value, Mapping):
        raise ConfigError(f"[{where}] must be a table")
    return {name: read_table(inner, table, f"{where}.{_key(name)}") for name, table in value.items()}


_UNIONS = (Union, UnionType)


def _inner_table(hint: Any) -> Any:
    """Return the dataclass that a field's type is, or holds; None for a plain value."""
    found = [kind for kind in (hint, *get_args(hint)) if is_dataclass(kind)]
    return found[0] if found else None


def _plain(hint: Any) -> tuple[str, Callable[[Any], Any]]:
    """Return how a plain type is called in messages, and the function that takes a value of it or refuses it."""
    origin = get_origin(hint)
    if origin is Literal:
        choices = get_args(hint)
        return _either(choices), lambda value: _choice(value, choices)
    if origin in _UNIONS:
        (hint,) = (kind for kind in get_args(hint) if kind is not NoneType)
        return _plain(hint)
    return _PLAIN[origin or hint]


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError
    try:
        number = float(value)
    except OverflowError:
        raise ValueError from None
    if not math.isfinite(number):
        raise ValueError
    return number


def _strings(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise TypeError
    return tuple(map(_string, value))


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return value


def _choice(value: Any, choices: tuple[Any, ...]) -> Any:
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise ValueError
    return value


_PLAIN: Mapping[Any, tuple[str, Callable[[Any], Any]]] = {
    str: ("a string", _string),
    bool: ("true or false", _truth),
    int: ("a whole number", _whole),
    float: ("a finite number", _number),
    tuple: ("a string or a list of strings", _strings),
    frozenset: ("a string or a list of strings", lambda value: frozenset(_strings(value))),
    Mapping: ("a table", _mapping),
}


def _either(choices: tuple[Any, ...]) -> str:
    texts = [str(choice) for choice in choices]
    return " or ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _instead(entry: "Field[Any]", value: Any) -> str:
    # A field that is no part of its class's repr holds a secret.
    return f", not {value!r}" if entry.repr else ""


def _key(name: str) -> str:
    """Return a key as it stands in the header of a TOML table."""
    bare = name.replace("-", "").replace("_", "")
    return name if bare.isascii() and bare.isalnum() else f'"{name}"'


# --- secrets


def read_secret(name: str, file: str = "", variable: str = "", *, needed: bool = False) -> str:
    """Return a secret: the content of a file, or else an environment variable's value, without white space around.

    ``name`` is the setting that names the file, for messages. Nothing there: empty, or an error where it is
    ``needed`` and the variable is named.

    Raises:
        ConfigError: the file cannot be read or is not text, or the variable is needed and not set.
    """
    try:
        return read_key(name, file, variable, needed=needed).decode()
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: {file} does not hold text") from None


def read_key(name: str, file: str = "", variable: str = "", *, needed: bool = False) -> bytes:
    """Return a secret as ``read_secret`` does, but as bytes: a key need not be text.

    Raises:
        ConfigError: the file cannot be read, or the variable is needed and not set.
    """
    if file:
        try:
            return Path(file).expanduser().read_bytes().strip()
        except OSError as error:
            raise ConfigError(f"{name}: cannot read {file}: {error.strerror}") from None
    value = os.environ.get(variable, "").strip() if variable else ""
    if variable and needed and not value:
        raise ConfigError(f"{name}: the environment variable {variable} is not set")
    return value.encode()
