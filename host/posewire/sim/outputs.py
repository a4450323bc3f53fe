"""Pins that the firmware drives: levels and PWM, by number or by their name in board.toml."""

import time
from typing import NamedTuple


class Drive(NamedTuple):
    """What a pin was set to at a ``time.monotonic()`` moment: a duty of 0 … 1 (a level is 0 or 1), a frequency or 0."""

    at: float
    duty: float
    frequency: int


class Outputs:
    """``names`` maps names of pins to their numbers."""

    def __init__(self, names: dict[str, int]) -> None:
        self._names = names
        self._history: dict[int, list[Drive]] = {}

    def history(self, pin: int | str) -> list[Drive]:
        """All that a pin was set to."""
        return self._history.get(self._names[pin] if isinstance(pin, str) else pin, [])

    def duty(self, pin: int | str) -> float:
        """What a pin is set to now, 0 … 1; 0 for a pin that was never driven."""
        history = self.history(pin)
        return history[-1].duty if history else 0.0

    def driven(self, pin: int, duty: float, frequency: int = 0) -> None:
        """The firmware has set a pin."""
        self._history.setdefault(pin, []).append(Drive(time.monotonic(), duty, frequency))

    def power_off(self) -> None:
        """The board has lost its power."""
        for pin, history in self._history.items():
            if history[-1].duty:
                self.driven(pin, 0.0)
