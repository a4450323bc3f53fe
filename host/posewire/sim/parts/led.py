"""The light of the simulated LED, now and before."""

import time
from typing import NamedTuple

Color = tuple[int, int, int]

OFF: Color = (0, 0, 0)
LIT: Color = (255, 255, 255)


class Shown(NamedTuple):
    """A colour that the LED took at a ``time.monotonic()`` moment."""

    at: float
    color: Color


class Led:
    """An RGB LED (WS2812), or one LED on a pin, which is white or off."""

    def __init__(self) -> None:
        self.history: list[Shown] = []

    @property
    def color(self) -> Color:
        """(red, green, blue), each 0 … 255; off before the firmware has set anything."""
        return self.history[-1].color if self.history else OFF

    def pixels(self, data: bytes) -> None:
        """Bytes as a WS2812 takes them: green, red, blue."""
        if len(data) >= 3:
            self._show((data[1], data[0], data[2]))

    def level(self, level: int) -> None:
        """The level of a plain LED's pin."""
        self._show(LIT if level else OFF)

    def power_off(self) -> None:
        """The board has lost its power."""
        self._show(OFF)

    def _show(self, color: Color) -> None:
        if color != self.color:
            self.history.append(Shown(time.monotonic(), color))
