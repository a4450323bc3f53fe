"""A device as Home Assistant's MQTT discovery wants it described: one message with all its entities.

Source: "Device discovery" in Home Assistant's documentation of its MQTT integration (2024.11 and later).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from posewire import __version__
from posewire.server.mqtt.topics import Topics

OUTCOMES = ("answered", "nothing heard", "not understood", "no answer", "interrupted", "failed")
_MAC = re.compile(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}")

VOLUME, SET_COLOR, TURN_ON, TURN_OFF = (
    "self.audio_speaker.set_volume",
    "self.led.set_color",
    "self.led.turn_on",
    "self.led.turn_off",
)
IDENTIFY, RESTART = "self.identify", "self.restart"


@dataclass(frozen=True)
class DeviceFacts:
    """What a device is, and can do."""

    device: str
    name: str
    board: str = ""
    firmware: str = ""
    tools: Collection[str] = ()
    speaks: bool = False
    reported: Collection[str] = field(default_factory=frozenset)
    """Names of the values that its telemetry has."""


def describe(facts: DeviceFacts, topics: Topics, earlier: Mapping[str, str]) -> dict[str, Any]:
    """Return the description.

    ``earlier``: the platforms of entities, by name, that it had before: what is missing now is taken away.
    """
    entities = _entities(facts, topics)
    about: dict[str, Any] = {
        "identifiers": [topics.unique],
        "name": facts.name or facts.device,
        "manufacturer": "Posewire",
        "model": facts.board or "xiaozhi device",
    }
    if facts.firmware:
        about["sw_version"] = facts.firmware
    if _MAC.fullmatch(facts.device):
        about["connections"] = [["mac", facts.device.lower()]]
    return {
        "device": about,
        "origin": {"name": "Posewire", "sw_version": __version__},
        "availability": [{"topic": f"{topics.prefix}/status"}, {"topic": topics.of("available")}],
        "availability_mode": "all",
        "qos": 1,
        "components": {
            **{name: {"platform": platform} for name, platform in earlier.items() if name not in entities},
            **{name: {"unique_id": f"{topics.unique}_{name}", **entity} for name, entity in entities.items()},
        },
    }


def _entities(facts: DeviceFacts, topics: Topics) -> dict[str, dict[str, Any]]:
    state, tools = topics.of("state"), facts.tools
    found: dict[str, dict[str, Any]] = {
        "room": {"platform": "sensor", "name": "Room", "icon": "mdi:motion-sensor", **_value(state, "room")},
        "room_change": _event(topics, "room", "Room change", ("joined", "left")),
        "event": _event(topics, "event", "Event", ("reported",)),
    }
    if facts.firmware:
        found["firmware"] = _diagnostic("Firmware", state, "firmware")
    if SET_COLOR in tools:
        found["light"] = {
            "platform": "light",
            "name": "Light",
            "schema": "json",
            "supported_color_modes": ["rgb"],
            "command_topic": topics.command("light"),
            "state_topic": topics.of("light"),
        }
    if VOLUME in tools:
        found["volume"] = {
            "platform": "number",
            "name": "Volume",
            "icon": "mdi:volume-high",
            "min": 0,
            "max": 100,
            "unit_of_measurement": "%",
            "command_topic": topics.command("volume"),
            **_value(state, "volume"),
        }
    if IDENTIFY in tools:
        found["identify"] = _button(topics, "Identify", "identify", "diagnostic")
    if RESTART in tools:
        found["restart"] = _button(topics, "Restart", "restart", "config")
    if facts.speaks:
        found["announce"] = {"platform": "notify", "name": "Announce", "command_topic": topics.command("announce")}
        found["wake"] = _event(topics, "wake", "Wake", ("button", "word"))
        found["turn"] = _event(topics, "turn", "Turn", OUTCOMES)
    if "rssi" in facts.reported:
        found["signal"] = _diagnostic("Signal", state, "rssi", "signal_strength", "dBm")
    if "heap_free" in facts.reported:
        found["memory"] = _diagnostic("Free memory", state, "heap_kb", "data_size", "kB")
    if "battery" in facts.reported:
        found["battery"] = _diagnostic("Battery", state, "battery", "battery", "%")
    return found


def _value(topic: str, name: str) -> dict[str, Any]:
    return {"state_topic": topic, "value_template": f"{{{{ value_json.{name} | default('') }}}}"}


def _diagnostic(name: str, topic: str, value: str, device_class: str = "", unit: str = "") -> dict[str, Any]:
    entity = {"platform": "sensor", "name": name, "entity_category": "diagnostic", **_value(topic, value)}
    if device_class:
        entity |= {"device_class": device_class, "unit_of_measurement": unit, "state_class": "measurement"}
    return entity


def _button(topics: Topics, name: str, kind: str, category: str) -> dict[str, Any]:
    return {
        "platform": "button",
        "name": name,
        "device_class": kind,
        "entity_category": category,
        "command_topic": topics.command(kind),
    }


def _event(topics: Topics, topic: str, name: str, types: Collection[str]) -> dict[str, Any]:
    return {"platform": "event", "name": name, "event_types": list(types), "state_topic": topics.of(topic)}
