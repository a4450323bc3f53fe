"""Pins that the firmware drives: levels and PWM, by number or by their name in board.toml."""

import time
from typing import NamedTuple


class Drive(NamedTuple):
    """The level of a pin at a ``time.monotonic()`` moment: a duty of 0 … 1 (a level is 0 or 1), a frequency or 0."""

    at: float
    duty: float
    frequency: int


class Outputs:
    """``names`` maps names of pins to their numbers."""

    def __init__(self, names: dict[str, int]) -> None:
        self._names = names
        self._history: dict[int, list[Drive]] = {}
        self._pixels: dict[int, bytes] = {}

    def history(self, pin: int | str) -> list[Drive]:
        """All that a pin was set to."""
        return self._history.get(self._names[pin] if isinstance(pin, str) else pin, [])

    def duty(self, pin: int | str) -> float:
        """The level of a pin now, 0 … 1; 0 for a pin that was never driven."""
        history = self.history(pin)
        return history[-1].duty if history else 0.0

    def pixels(self, pin: int | str) -> list[tuple[int, int, int]]:
        """(red, green, blue) of each WS2812 in a row on a pin; empty for a pin without."""
        data = self._pixels.get(self._names[pin] if isinstance(pin, str) else pin, b"")
        return [(data[at + 1], data[at], data[at + 2]) for at in range(0, len(data) - 2, 3)]

    def lit(self, pin: int, data: bytes) -> None:
        """The firmware has sent colours, as a WS2812 takes them: green, red, blue."""
        self._pixels[pin] = data

    def driven(self, pin: int, duty: float, frequency: int = 0) -> None:
        """The firmware has set a pin."""
        self._history.setdefault(pin, []).append(Drive(time.monotonic(), duty, frequency))

    def power_off(self) -> None:
        """The board has lost its power."""
        self._pixels.clear()
        for pin, history in self._history.items():
            if history[-1].duty:
                self.driven(pin, 0.0)
