"""Legacy IoT things as tools: methods are called and states are read.

Tools that the shipped sentences call are also there under the names that these use.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from posewire.errors import ToolError, WireError
from posewire.voice.tools.base import ToolInfo
from posewire.wire.messages import Message
from posewire.wire.requests import Iot, IotMethod

MAX_TOOLS = 128
MAX_TOOL_BYTES = 256 * 1024
"""Bytes of the descriptions of one device's tools of one kind, as JSON."""

_STATUS = "self.get_device_status"

# (thing, method), letters only: the tool that the shipped sentences call for it, and that tool's arguments in order.
_USUAL: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    **{
        (thing, f"turn{way}"): (f"self.led.turn_{way}", ())
        for thing in ("lamp", "light", "led")
        for way in ("on", "off")
    },
    ("speaker", "setvolume"): ("self.audio_speaker.set_volume", ("volume",)),
    ("screen", "setbrightness"): ("self.screen.set_brightness", ("brightness",)),
    ("backlight", "setbrightness"): ("self.screen.set_brightness", ("brightness",)),
}
_OTHER = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True)
class _Method:
    thing: str
    name: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    """The method's own names of a usual tool's arguments."""


@dataclass(frozen=True)
class IotContent:
    """The legacy things of a device at one time."""

    tools: dict[str, ToolInfo] = field(default_factory=dict)
    methods: dict[str, _Method] = field(default_factory=dict)
    properties: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By name of a tool that reads a state: the thing and the key."""

    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    size: int = 0
    """Bytes of the descriptions of the tools, as JSON."""


class IotThings:
    """The legacy things of one device."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self.content = IotContent()
        self._send = send

    def updated(self, iot: Iot) -> IotContent:
        """Return the content with the methods and states of a message; the present content stays as it is.

        Raises:
            WireError: ``too_many``: the device has too many such tools, or their descriptions are too long.
        """
        now = self.content
        draft = _Draft(dict(now.tools), dict(now.methods), dict(now.properties), now.size)
        for method in iot.methods:
            draft.describe(method)
        states = dict(now.states)
        for thing, state in (iot.states or {}).items():
            for key in state:
                draft.add_property(thing, key)
            states[thing] = {**states.get(thing, {}), **state}
        return IotContent(draft.tools, draft.methods, draft.properties, states, draft.size)

    def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a method, or read a state. A method's outcome is not known: devices do not tell it.

        Raises:
            ToolError: no such tool.
        """
        content = self.content
        method = content.methods.get(name)
        if method is not None:
            parameters = {method.arguments.get(key, key): value for key, value in arguments.items()}
            self._send(
                {"type": "iot", "commands": [{"name": method.thing, "method": method.name, "parameters": parameters}]}
            )
            return "true"
        if name == _STATUS:
            return json.dumps(content.states, ensure_ascii=False)
        if name not in content.properties:
            raise ToolError(f"the device has no tool {name}")
        thing, key = content.properties[name]
        return json.dumps(content.states[thing][key], ensure_ascii=False)

    def close(self) -> None:
        """Drop the reference to the connection; later calls go nowhere."""
        self._send = send_nowhere


@dataclass
class _Draft:
    tools: dict[str, ToolInfo]
    methods: dict[str, _Method]
    properties: dict[str, tuple[str, str]]
    size: int

    def describe(self, method: IotMethod) -> None:
        parameters = {key: value for key, value in method.parameters.items() if isinstance(value, dict)}
        name = f"{method.thing}_{method.method}"
        self._add(name, ToolInfo(method.description, {"type": "object", "properties": parameters}))
        self.methods[name] = _Method(method.thing, method.method)
        usual = _USUAL.get((_plain(method.thing), _plain(method.method)))
        if usual is not None and len(parameters) == len(usual[1]):
            name, wanted = usual
            properties = dict(zip(wanted, parameters.values(), strict=True))
            self._add(name, ToolInfo(method.description, {"type": "object", "properties": properties}))
            self.methods[name] = _Method(method.thing, method.method, dict(zip(wanted, parameters, strict=True)))

    def add_property(self, thing: str, key: str) -> None:
        name = f"get_{thing}_{key}"
        if self.properties.get(name) != (thing, key):
            self._add(_STATUS, ToolInfo("Tell the state of all things of the device", {"type": "object"}))
            self._add(name, ToolInfo(f"Tell {key} of {thing}", {"type": "object"}))
            self.properties[name] = thing, key

    def _add(self, name: str, info: ToolInfo) -> None:
        known = self.tools.get(name)
        if known is None and len(self.tools) >= MAX_TOOLS:
            raise WireError(f"a device has at most {MAX_TOOLS} tools of this kind", "too_many")
        self.size += tool_size(name, info) - (tool_size(name, known) if known is not None else 0)
        if self.size > MAX_TOOL_BYTES:
            raise WireError(f"the descriptions of a device's tools have at most {MAX_TOOL_BYTES} bytes", "too_many")
        self.tools[name] = info


def tool_size(name: str, info: ToolInfo) -> int:
    """Return the bytes of a tool's description as JSON."""
    return len(name) + len(info.description) + len(json.dumps(info.schema))


def send_nowhere(_: Message) -> None:
    """Stand in for a connection that is gone: do nothing."""


def _plain(name: str) -> str:
    return _OTHER.sub("", name.lower())
