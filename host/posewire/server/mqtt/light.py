"""A board's LED as a light of Home Assistant (its JSON schema): a colour and a brightness are three numbers here."""

from collections.abc import Mapping
from typing import Any

from posewire.errors import WireError

Color = tuple[int, int, int]
WHITE: Color = (255, 255, 255)
OFF: Color = (0, 0, 0)


def light_state(color: Color) -> dict[str, Any]:
    """Return the state of a light whose LED shows a colour."""
    if color == OFF:
        return {"state": "OFF"}
    brightness = max(color)
    red, green, blue = (round(part * 255 / brightness) for part in color)
    return {
        "state": "ON",
        "color_mode": "rgb",
        "brightness": brightness,
        "color": {"r": red, "g": green, "b": blue},
    }


def wanted_color(command: Mapping[str, Any], now: Color, last: Color) -> Color:
    """Return the colour that a command asks for.

    ``now``: the colour that the LED shows; ``last``: the last one that was not dark.

    Raises:
        WireError: the command is none.
    """
    state = command.get("state")
    if state == "OFF":
        return OFF
    if state != "ON":
        raise WireError('a light\'s state must be "ON" or "OFF"')
    shown = now if now != OFF else last
    brightness = command.get("brightness", max(shown))
    given = command.get("color", light_state(shown).get("color"))
    if not isinstance(given, Mapping):
        raise WireError("a light's color must be an object with r, g and b")
    parts = [_byte(given.get(part), part) for part in "rgb"]
    level = _byte(brightness, "brightness")
    red, green, blue = (round(part * level / 255) for part in parts)
    return red, green, blue


def _byte(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 255:
        raise WireError(f"a light's {name} must be a number between 0 and 255")
    return round(value)
