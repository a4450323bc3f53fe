"""What an intent can do beyond calling one tool: named actions, used by ``action:`` in a sentences file.

A new one is a function here and a line in ``ACTIONS``.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from posewire.errors import ToolError
from posewire.voice.commands.templates import Slot
from posewire.voice.tools.base import DeviceTools

_STATUS = "self.get_device_status"
_SPOKEN_ABILITIES = 6


@dataclass(frozen=True)
class ActionCall:
    """What an action gets."""

    tools: DeviceTools
    tool: str
    """The intent's own ``tool``, which the device is known to have; may be empty."""

    arguments: Mapping[str, object]
    abilities: Iterable[str]
    """The ``help`` texts of the intents that work on this device."""


@dataclass(frozen=True)
class Action:
    """A function and the slots that it returns for the reply."""

    run: Callable[[ActionCall], Awaitable[Mapping[str, Slot]]]
    results: tuple[str, ...] = ()


async def change_volume(call: ActionCall) -> Mapping[str, Slot]:
    """Move the volume by the argument ``by``, within 0 … 100.

    Raises:
        ToolError: the device does not tell its volume, or refuses.
    """
    status = await call.tools.call(_STATUS, {})
    try:
        current = _find_number(json.loads(status), "volume")
    except ValueError:
        current = None
    by = call.arguments.get("by")
    if current is None or not isinstance(by, int):
        raise ToolError("the device does not tell its volume")
    volume = max(0, min(100, round(current) + by))
    await call.tools.call(call.tool, {"volume": volume})
    return {"volume": Slot(str(volume), volume)}


async def tell_time(_: ActionCall) -> Mapping[str, Slot]:
    """Return the host's local time, as in "3:05 PM"."""
    now = datetime.now().astimezone()
    text = f"{(now.hour - 1) % 12 + 1}:{now:%M} {'AM' if now.hour < 12 else 'PM'}"
    return {"time": Slot(text, text)}


async def tell_abilities(call: ActionCall) -> Mapping[str, Slot]:
    """Return what the sentences offer on this device, as one enumeration."""
    abilities = list(call.abilities)[:_SPOKEN_ABILITIES] or ["listen"]
    text = ", ".join(abilities[:-1]) + " and " + abilities[-1] if abilities[1:] else abilities[0]
    return {"abilities": Slot(text, text)}


async def nothing(_: ActionCall) -> Mapping[str, Slot]:
    """Do nothing: ``confirm``, ``cancel`` and ``goodbye`` are the conversation's own."""
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
