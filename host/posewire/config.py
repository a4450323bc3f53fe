"""From a table of the settings file to a checked, frozen dataclass."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_origin, get_type_hints

from posewire.errors import ConfigError

_T = TypeVar("_T")


def read_options(kind: type[_T], values: Mapping[str, Any], section: str) -> _T:
    """Make a ``kind`` (a dataclass) from the values of ``[section]``; what is not given has its default.

    Raises:
        ConfigError: an unknown key, a missing one, a value of the wrong type or out of range; the message says which.
    """
    hints = get_type_hints(kind)
    entries = fields(kind)  # type: ignore[arg-type]
    known = [entry.name for entry in entries]
    taken: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(f"[{section}] has no setting {key!r}; there are {', '.join(known) or 'none'}")
        what, read = _READERS[get_origin(hints[key]) or hints[key]]
        try:
            taken[key] = read(value)
        except (TypeError, ValueError):
            raise ConfigError(f"[{section}] {key} must be {what}, is {value!r}") from None
    for entry in entries:
        if entry.name not in taken and entry.default is MISSING and entry.default_factory is MISSING:
            raise ConfigError(f"[{section}] needs {entry.name}")
    try:
        return kind(**taken)
    except ConfigError as exc:
        raise ConfigError(str(exc) if str(exc).startswith("[") else f"[{section}] {exc}") from None


def check_option(key: str, fine: bool, rule: str, value: object, section: str = "voice") -> None:
    """Complain about a value that breaks its rule.

    Raises:
        ConfigError: ``fine`` is false.
    """
    if not fine:
        raise ConfigError(f"[{section}] {key} {rule}; it is {value!r}")


def _text(value: Any) -> str:
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
    return float(value)


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(_text(entry) for entry in list(value))


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError
    return value


_READERS: Mapping[Any, tuple[str, Callable[[Any], Any]]] = {
    str: ("a text", _text),
    bool: ("true or false", _truth),
    int: ("a whole number", _whole),
    float: ("a number", _number),
    tuple: ("a text or a list of texts", _texts),
    Mapping: ("a table", _table),
}
