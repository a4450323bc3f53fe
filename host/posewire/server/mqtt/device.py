"""One device as the broker knows it: what was published about it, and what its board was last heard to show."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any

from posewire.errors import PosewireError, WireError
from posewire.server.connection.peer import Peer
from posewire.server.mqtt.description import (
    IDENTIFY,
    RESTART,
    SET_COLOR,
    TURN_OFF,
    TURN_ON,
    VOLUME,
    DeviceFacts,
    describe,
)
from posewire.server.mqtt.light import OFF, WHITE, Color, light_state, wanted_color
from posewire.server.mqtt.topics import Topics
from posewire.server.push.announcer import Announcement, Announcer
from posewire.server.state.board_reports import BoardReport
from posewire.wire.json_shape import as_object
from posewire.wire.json_text import parse_json

STATE_EVERY = 10.0
"""Seconds between reports of what changes all the time: signal and memory."""

_STATUS = "self.get_device_status"
_COMMAND_MAX = 4096


class MqttDevice:
    """``topics_now`` returns what the broker should have; ``carry_out`` does what Home Assistant wants."""

    def __init__(self, device: str, topics: Topics, announcer: Announcer) -> None:
        self.device = device
        self.topics = topics
        self.peer: Peer | None = None
        self._announcer = announcer
        self._color: Color | None = None
        self._last_color: Color = WHITE
        self._volume: int | None = None
        self._platforms: dict[str, str] = {}
        self._reported = -STATE_EVERY
        self._slow: dict[str, Any] = {}
        self._config = ""
        self._room = ""
        self._asking: asyncio.Lock = asyncio.Lock()

    # --- to the broker

    def topics_now(self, name: str, report: BoardReport | None) -> dict[str, str]:
        """Return the retained messages by topic; of a device that is away only that it is."""
        peer, topics = self.peer, self.topics
        if peer is None or peer.hello is None:
            return {topics.of("available"): "offline"}
        values = report.values if report is not None else {}
        facts = DeviceFacts(
            self.device,
            name,
            peer.hello.board,
            peer.hello.firmware,
            frozenset(peer.tools.available()),
            peer.voice.get_or_create() is not None,
            frozenset(values),
        )
        description = describe(facts, topics, self._platforms)
        self._platforms |= {name: entity["platform"] for name, entity in description["components"].items()}
        found = {
            topics.config: _json(description),
            topics.of("available"): "online",
            topics.of("state"): _json({**self._fast(peer), **self._slow_values(values)}),
        }
        if self._color is not None:
            found[topics.of("light")] = _json(light_state(self._color))
        return found

    def room_change(self) -> dict[str, Any] | None:
        """Return the event that the device has joined or left a room since the last call; None: it has not."""
        now = self.peer.room_name if self.peer is not None else ""
        before, self._room = self._room, now
        if now == before:
            return None
        return {"event_type": "joined", "room": now} if now else {"event_type": "left", "room": before}

    def _fast(self, peer: Peer) -> dict[str, Any]:
        fast: dict[str, Any] = {"room": peer.room_name}
        if self._volume is not None:
            fast["volume"] = self._volume
        if peer.hello is not None and peer.hello.firmware:
            fast["firmware"] = peer.hello.firmware
        return fast

    def _slow_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        now = time.monotonic()
        if now - self._reported >= STATE_EVERY and values:
            self._reported = now
            self._slow = {name: values[name] for name in ("rssi", "battery") if name in values}
            if isinstance(values.get("heap_free"), int):
                self._slow["heap_kb"] = round(values["heap_free"] / 1000)
        return self._slow

    # --- to the board

    async def look(self) -> None:
        """Ask the board what its LED and its volume are; one that does not say is left alone."""
        peer = self.peer
        if peer is None or self._asking.locked():
            return
        async with self._asking:
            await peer.tools.ready()
            if _STATUS not in peer.tools.available():
                return
            try:
                status = as_object(parse_json(await peer.tools.call(_STATUS, {})))
            except (PosewireError, ValueError):
                return
            led, speaker = as_object(status.get("led")), as_object(status.get("audio_speaker"))
            parts = [led.get(part) for part in ("red", "green", "blue")]
            if all(type(part) is int and 0 <= part <= 255 for part in parts):
                self._keep_color((int(parts[0]), int(parts[1]), int(parts[2])))  # type: ignore[arg-type]
            volume = speaker.get("volume")
            if type(volume) is int and 0 <= volume <= 100:
                self._volume = volume

    async def carry_out(self, command: str, payload: bytes) -> None:
        """Do what a command says.

        Raises:
            WireError: the device is not connected, or the command makes no sense.
            ToolError: the board refuses.
        """
        peer = self.peer
        if peer is None:
            raise WireError("the device is not connected", "not_found")
        if len(payload) > _COMMAND_MAX:
            raise WireError(f"a command has at most {_COMMAND_MAX} bytes")
        text = payload.decode("utf-8", "replace").strip()
        match command:
            case "announce":
                self._announcer.announce(self.device, Announcement(text, source="mqtt"))
            case "volume":
                await peer.tools.call(VOLUME, {"volume": _percent(text)})
            case "light":
                await self._set_light(peer, text)
            case "identify":
                await peer.tools.call(IDENTIFY, {})
            case "restart":
                await peer.tools.call(RESTART, {})
            case _:
                raise WireError(f"there is no command {command[:40]}", "unknown_type")
        if command in ("volume", "light"):
            await self.look()

    async def _set_light(self, peer: Peer, text: str) -> None:
        try:
            command = parse_json(text)
        except ValueError as error:
            raise WireError(f"a light's command is not JSON: {error}") from None
        if not isinstance(command, dict):
            raise WireError("a light's command must be an object")
        color = wanted_color(command, self._color or OFF, self._last_color)
        if color == OFF:
            await peer.tools.call(TURN_OFF, {})
        elif set(command) == {"state"}:
            await peer.tools.call(TURN_ON, {})
        else:
            red, green, blue = color
            await peer.tools.call(SET_COLOR, {"red": red, "green": green, "blue": blue})

    def _keep_color(self, color: Color) -> None:
        self._color = color
        if color != OFF:
            self._last_color = color


def _percent(text: str) -> int:
    try:
        value = round(float(text))
    except (ValueError, OverflowError):
        raise WireError("a volume must be a number") from None
    if not 0 <= value <= 100:
        raise WireError("a volume must be between 0 and 100")
    return value


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
