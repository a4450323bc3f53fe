"""Texts with the placeholders ``{name}`` and ``{name.field}``: replies and tool arguments."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_PLACEHOLDER = re.compile(r"\{(\w+)(?:\.(\w+))?\}")


@dataclass(frozen=True)
class PlaceholderValue:
    """The value that stands for a placeholder."""

    text: str
    """As it is said in a reply."""

    value: object
    """As it goes into a tool's arguments."""

    fields: Mapping[str, object] = field(default_factory=dict)
    """The values of ``{name.field}``."""


def placeholders(template: str) -> list[tuple[str, str]]:
    """Return the (name, field) pairs in a template; the field is empty where there is none."""
    return [(name, inner or "") for name, inner in _PLACEHOLDER.findall(template)]


def fill_text(template: str, values: Mapping[str, PlaceholderValue]) -> str:
    """Put the values' texts into a reply. All placeholders have a value (checked when sentences are loaded)."""

    def text(match: re.Match[str]) -> str:
        value = values[match[1]]
        return str(value.fields[match[2]]) if match[2] else value.text

    return _PLACEHOLDER.sub(text, template)


def fill_argument(template: object, values: Mapping[str, PlaceholderValue]) -> object:
    """Put values into a tool's argument: a lone placeholder keeps its value's type, a template of no text is kept."""
    if not isinstance(template, str):
        return template
    match = _PLACEHOLDER.fullmatch(template)
    if match is None:
        return fill_text(template, values)
    value = values[match[1]]
    return value.fields[match[2]] if match[2] else value.value
