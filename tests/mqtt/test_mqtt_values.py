"""A board's LED as a light, and a device's ids as topics."""

import pytest

from posewire.errors import WireError
from posewire.server.mqtt.description import DeviceFacts, describe
from posewire.server.mqtt.light import OFF, WHITE, Color, light_state, wanted_color
from posewire.server.mqtt.topics import Topics, slug


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 128, 0), (10, 20, 30), (1, 1, 1), (255, 254, 253)])
def test_a_colour_comes_back_as_it_was(color: Color) -> None:
    state = light_state(color)
    again = wanted_color(state, OFF, WHITE)
    assert max(abs(one - other) for one, other in zip(color, again, strict=True)) <= 1


def test_what_a_light_is_told() -> None:
    assert light_state(OFF) == {"state": "OFF"}
    assert wanted_color({"state": "OFF"}, WHITE, WHITE) == OFF
    assert wanted_color({"state": "ON"}, OFF, (0, 0, 200)) == (0, 0, 200)
    assert wanted_color({"state": "ON", "brightness": 100}, (0, 200, 0), WHITE) == (0, 100, 0)
    assert wanted_color({"state": "ON", "color": {"r": 255, "g": 0, "b": 0}}, (0, 100, 0), WHITE) == (100, 0, 0)
    with pytest.raises(WireError):
        wanted_color({}, OFF, WHITE)


def test_ids_become_topics() -> None:
    assert slug("24:0a:c4:00:00:01") == "24_0a_c4_00_00_01"
    assert slug("a/+#b") == "a___b"
    assert slug("") == "_"
    topics = Topics("house/posewire", "homeassistant", "x")
    assert topics.config == "homeassistant/device/house_posewire_x/config"
    assert topics.command("light") == "house/posewire/x/light/set"


def test_an_entity_that_is_gone_is_taken_away() -> None:
    topics = Topics("posewire", "homeassistant", "x")
    before = describe(DeviceFacts("x", "", "sim", tools=["self.led.set_color"]), topics, {})
    platforms = {name: entity["platform"] for name, entity in before["components"].items()}
    after = describe(DeviceFacts("x", "", "sim"), topics, platforms)
    assert after["components"]["light"] == {"platform": "light"}
    assert "unique_id" in after["components"]["room"]
