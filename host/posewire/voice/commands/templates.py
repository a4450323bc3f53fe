"""Text with ``{slot}`` and ``{slot.field}`` in it: replies and tool arguments."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_PLACEHOLDER = re.compile(r"\{(\w+)(?:\.(\w+))?\}")


@dataclass(frozen=True)
class Slot:
    """A value that was recognised."""

    text: str
    """As it is said in a reply."""

    value: object
    """As it goes into a tool's arguments."""

    fields: Mapping[str, object] = field(default_factory=dict)
    """What ``{slot.field}`` stands for."""


def placeholders(template: str) -> list[tuple[str, str]]:
    """Return the (slot, field) pairs in a template; the field is empty where none is named."""
    return [(name, inner or "") for name, inner in _PLACEHOLDER.findall(template)]


def fill_text(template: str, slots: Mapping[str, Slot]) -> str:
    """Put the slots' texts into a reply. Every placeholder must be there (checked when sentences are loaded)."""

    def text(match: re.Match[str]) -> str:
        slot = slots[match[1]]
        return str(slot.fields[match[2]]) if match[2] else slot.text

    return _PLACEHOLDER.sub(text, template)


def fill_value(template: object, slots: Mapping[str, Slot]) -> object:
    """Put slots into an argument: a lone placeholder keeps the value's type, other values pass as they are."""
    if not isinstance(template, str):
        return template
    match = _PLACEHOLDER.fullmatch(template)
    if match is None:
        return fill_text(template, slots)
    slot = slots[match[1]]
    return slot.fields[match[2]] if match[2] else slot.value
