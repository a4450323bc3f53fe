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


class IotThings:
    """The legacy things of one device."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self.tools: dict[str, ToolInfo] = {}
        self._send = send
        self._methods: dict[str, _Method] = {}
        self._properties: dict[str, tuple[str, str]] = {}
        self._states: dict[str, dict[str, Any]] = {}

    def update(self, iot: Iot) -> None:
        """Add methods and states; a state that is known gets its new value.

        Raises:
            WireError: ``too_many``: the device has too many such tools.
        """
        for method in iot.methods:
            self._describe(method)
        for thing, state in (iot.states or {}).items():
            for key, value in state.items():
                name = f"get_{thing}_{key}"
                self._add(_STATUS, ToolInfo("Tell the state of all things of the device", {"type": "object"}))
                self._add(name, ToolInfo(f"Tell {key} of {thing}", {"type": "object"}))
                self._states.setdefault(thing, {})[key] = value
                self._properties[name] = thing, key

    def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a method, or read a state. A method's outcome is not known: devices do not tell it.

        Raises:
            ToolError: no such tool.
        """
        method = self._methods.get(name)
        if method is not None:
            parameters = {method.arguments.get(key, key): value for key, value in arguments.items()}
            self._send(
                {"type": "iot", "commands": [{"name": method.thing, "method": method.name, "parameters": parameters}]}
            )
            return "true"
        if name == _STATUS:
            return json.dumps(self._states, ensure_ascii=False)
        if name not in self._properties:
            raise ToolError(f"the device has no tool {name}")
        thing, key = self._properties[name]
        return json.dumps(self._states[thing][key], ensure_ascii=False)

    def close(self) -> None:
        """Drop the reference to the connection; later calls go nowhere."""
        self._send = send_nowhere

    def _describe(self, method: IotMethod) -> None:
        parameters = {key: value for key, value in method.parameters.items() if isinstance(value, dict)}
        name = f"{method.thing}_{method.method}"
        self._add(name, ToolInfo(method.description, {"type": "object", "properties": parameters}))
        self._methods[name] = _Method(method.thing, method.method)
        usual = _USUAL.get((_plain(method.thing), _plain(method.method)))
        if usual is not None and len(parameters) == len(usual[1]):
            name, wanted = usual
            properties = dict(zip(wanted, parameters.values(), strict=True))
            self._add(name, ToolInfo(method.description, {"type": "object", "properties": properties}))
            self._methods[name] = _Method(method.thing, method.method, dict(zip(wanted, parameters, strict=True)))

    def _add(self, name: str, info: ToolInfo) -> None:
        if name not in self.tools and len(self.tools) >= MAX_TOOLS:
            raise WireError(f"a device has at most {MAX_TOOLS} tools of this kind", "too_many")
        self.tools[name] = info


def send_nowhere(_: Message) -> None:
    """Stand in for a connection that is gone: do nothing."""


def _plain(name: str) -> str:
    return _OTHER.sub("", name.lower())
