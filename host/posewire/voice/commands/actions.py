"""Named actions: the intents that do more than call one tool name one by ``action:`` in a sentences file.

A new one is a function here and a line in ``ACTIONS``.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from posewire.errors import ToolError
from posewire.voice.commands.placeholders import PlaceholderValue
from posewire.voice.tools.base import ToolSet
from posewire.wire.json_text import parse_json

_STATUS = "self.get_device_status"
_SPOKEN_ABILITIES = 6


@dataclass(frozen=True)
class ActionCall:
    """The input of an action."""

    tools: ToolSet
    tool: str
    """The intent's own ``tool``, which is available; may be empty."""

    arguments: Mapping[str, object]
    abilities: Iterable[str]
    """The ``help`` texts of the intents that work on this device."""


@dataclass(frozen=True)
class Action:
    """A function, and the placeholders whose values it returns for the reply."""

    run: Callable[[ActionCall], Awaitable[Mapping[str, PlaceholderValue]]]
    results: tuple[str, ...] = ()


async def change_volume(call: ActionCall) -> Mapping[str, PlaceholderValue]:
    """Change the volume by the argument ``by``, within 0 … 100.

    Raises:
        ToolError: the device does not tell its volume, or refuses.
    """
    status = await call.tools.call(_STATUS, {})
    try:
        current = _find_number(parse_json(status), "volume")
    except ValueError:
        current = None
    by = call.arguments.get("by")
    if current is None or not isinstance(by, int):
        raise ToolError("the device does not tell its volume")
    volume = max(0, min(100, round(current) + by))
    await call.tools.call(call.tool, {"volume": volume})
    return {"volume": PlaceholderValue(str(volume), volume)}


async def tell_time(_: ActionCall) -> Mapping[str, PlaceholderValue]:
    """Return the host's local time, as in "3:05 PM"."""
    now = datetime.now().astimezone()
    text = f"{(now.hour - 1) % 12 + 1}:{now:%M} {'AM' if now.hour < 12 else 'PM'}"
    return {"time": PlaceholderValue(text, text)}


async def tell_abilities(call: ActionCall) -> Mapping[str, PlaceholderValue]:
    """Return the abilities that the sentences give this device, as one enumeration."""
    await call.tools.ready()
    abilities = list(call.abilities)[:_SPOKEN_ABILITIES] or ["listen"]
    text = ", ".join(abilities[:-1]) + " and " + abilities[-1] if abilities[1:] else abilities[0]
    return {"abilities": PlaceholderValue(text, text)}


async def nothing(_: ActionCall) -> Mapping[str, PlaceholderValue]:
    """Do nothing: the conversation itself handles ``confirm``, ``cancel`` and ``goodbye``."""
    return {}


ACTIONS: Mapping[str, Action] = {
    "change_volume": Action(change_volume, ("volume",)),
    "tell_time": Action(tell_time, ("time",)),
    "tell_abilities": Action(tell_abilities, ("abilities",)),
    "confirm": Action(nothing),
    "cancel": Action(nothing),
    "goodbye": Action(nothing),
}


def _find_number(data: object, name: str) -> float | None:
    """Find a number by its key at any depth: boards nest their status differently."""
    if not isinstance(data, Mapping):
        return None
    value = data.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return next((found for inner in data.values() if (found := _find_number(inner, name)) is not None), None)
