"""The simulated push button: it connects its pin to ground."""

import time

from posewire.sim.parts.bus import Bus, Kind

_GROUND = 0
_OPEN = 2


class Button:
    """``pin`` is the button's pin; None for a board without a button, where pressing does nothing."""

    def __init__(self, pin: int | None) -> None:
        self._pin = pin
        self._bus: Bus | None = None
        self.pressed = False

    def attach(self, bus: Bus) -> None:
        """The board has been switched on: it finds the button as it is."""
        self._bus = bus
        self._tell()

    def down(self) -> None:
        """Press the button, and hold it."""
        self.pressed = True
        self._tell()

    def up(self) -> None:
        """Let the button go."""
        self.pressed = False
        self._tell()

    def press(self, hold: float = 0.1) -> None:
        """Press for so many seconds; returns when it is released."""
        self.down()
        time.sleep(hold)
        self.up()

    def _tell(self) -> None:
        if self._bus is not None and self._pin is not None:
            self._bus.send(Kind.PIN, self._pin, _GROUND if self.pressed else _OPEN)
