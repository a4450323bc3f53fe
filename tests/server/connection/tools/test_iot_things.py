"""Legacy IoT things as tools."""

import json
from typing import Any

import pytest

from posewire.errors import ToolError, WireError
from posewire.server.connection.tools.iot_things import MAX_TOOL_BYTES, MAX_TOOLS, IotThings
from posewire.wire.requests import parse_iot

LAMP = {"name": "Lamp", "methods": {"TurnOn": {"description": "Turn it on"}, "Dim": {"parameters": {"to": {}}}}}
LOUD = {"name": "Speaker", "methods": {"SetVolume": {"parameters": {"level": {"type": "number"}}}}}


def things(*descriptors: Any, states: Any = None) -> tuple[IotThings, list[Any]]:
    sent: list[Any] = []
    made = IotThings(sent.append)
    message: dict[str, Any] = {"type": "iot", "descriptors": list(descriptors)}
    if states is not None:
        message["states"] = states
    update(made, message)
    return made, sent


def update(things: IotThings, message: dict[str, Any]) -> None:
    things.content = things.updated(parse_iot(message))


def test_a_method_is_called_under_its_own_name_and_the_usual_one() -> None:
    made, sent = things(LAMP)
    assert {"Lamp_TurnOn", "Lamp_Dim", "self.led.turn_on"} <= set(made.content.tools)
    for name in ("Lamp_TurnOn", "self.led.turn_on"):
        assert made.call(name, {}) == "true"
    command = {"name": "Lamp", "method": "TurnOn", "parameters": {}}
    assert sent == [{"type": "iot", "commands": [command]}] * 2


def test_an_argument_of_a_usual_tool_gets_the_methods_own_name() -> None:
    made, sent = things(LOUD)
    made.call("self.audio_speaker.set_volume", {"volume": 30})
    assert sent[0]["commands"][0]["parameters"] == {"level": 30}


def test_states_are_read_and_change() -> None:
    made, sent = things(states=[{"name": "Lamp", "state": {"on": True}}])
    assert made.call("get_Lamp_on", {}) == "true"
    update(made, {"type": "iot", "states": [{"name": "Lamp", "state": {"on": False}}]})
    assert made.call("get_Lamp_on", {}) == "false"
    assert json.loads(made.call("self.get_device_status", {})) == {"Lamp": {"on": False}}
    assert sent == []


def test_there_are_no_other_tools_and_not_too_many() -> None:
    made, _ = things(LAMP)
    with pytest.raises(ToolError, match="no tool"):
        made.call("get_Lamp_on", {})
    with pytest.raises(WireError) as caught:
        for number in range(MAX_TOOLS):
            update(made, {"type": "iot", "states": [{"name": "T", "state": {f"key{number}": 1}}]})
    assert caught.value.code == "too_many"
    assert len(made.content.tools) == MAX_TOOLS


def test_after_the_connections_end_a_call_goes_nowhere() -> None:
    made, sent = things(LAMP)
    made.close()
    made.call("Lamp_TurnOn", {})
    assert sent == []


def test_a_message_is_taken_whole_or_not_at_all() -> None:
    made, _ = things(LAMP)
    before = made.content
    many = {f"Do{number}": {} for number in range(MAX_TOOLS)}
    with pytest.raises(WireError):
        made.updated(parse_iot({"type": "iot", "descriptors": [LOUD], "states": [{"name": "T", "state": many}]}))
    assert made.content is before
    assert "Speaker_SetVolume" not in made.content.tools


def test_descriptions_are_bounded_by_bytes() -> None:
    made, _ = things()
    with pytest.raises(WireError) as caught:
        for number in range(MAX_TOOLS):
            lamp = {"name": f"Lamp{number}", "methods": {"Dim": {"description": "x" * 20_000}}}
            update(made, {"type": "iot", "descriptors": [lamp]})
    assert caught.value.code == "too_many"
    assert 200_000 < made.content.size <= MAX_TOOL_BYTES
