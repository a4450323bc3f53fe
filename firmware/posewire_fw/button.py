"""A push button to ground, polled and debounced."""

from micropython import const

NOTHING = const(0)
PRESSED = const(1)
RELEASED = const(2)

# So many equal readings in a row count; at one reading each 10 ms this rides out 20 ms of bouncing.
_STEADY = const(3)


class Button:
    def __init__(self, pin):
        self._pin = pin
        self._steady = 0
        self.down = False

    def poll(self):
        """Read the pin; return PRESSED or RELEASED when the button has just changed, else NOTHING."""
        down = not self._pin.value()
        if down == self.down:
            self._steady = 0
            return NOTHING
        self._steady += 1
        if self._steady < _STEADY:
            return NOTHING
        self._steady = 0
        self.down = down
        return PRESSED if down else RELEASED
