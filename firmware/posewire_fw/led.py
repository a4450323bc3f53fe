"""The LED: shows what the board is doing; while the board is idle it shows the colour that a tool set."""

import time

from micropython import const

_OFF = (0, 0, 0)
# By state of the session: colour, and whether it blinks.
_STATUS = {
    "offline": ((0, 0, 24), True),
    "joining": ((24, 0, 24), True),
    "setup": ((24, 24, 24), True),
    "pairing": ((0, 32, 24), True),
    "trouble": ((48, 0, 0), True),
    "listening": ((0, 96, 0), False),
    "thinking": ((64, 40, 0), False),
    "speaking": ((0, 48, 64), False),
}
_IDENTIFY = (255, 255, 255)

_BLINK_MS = const(500)
_IDENTIFY_BLINK_MS = const(125)


class PlainLed:
    """One LED on a pin: lit for any colour but black. inverted: lit while the pin is low."""

    def __init__(self, pin, inverted=False):
        self._pin = pin
        self._inverted = inverted

    def show(self, color):
        self._pin.value(1 if (color != _OFF) != self._inverted else 0)


class RgbLed:
    """One WS2812."""

    def __init__(self, pin):
        import neopixel

        self._pixel = neopixel.NeoPixel(pin, 1)

    def show(self, color):
        self._pixel[0] = color
        self._pixel.write()


class Led:
    """The colour and rhythm of the LED, changed only when they must: tick() is cheap and allocates nothing."""

    def __init__(self, hardware):
        self._hardware = hardware
        self._shown = None
        self._state = "offline"
        self._phase = "offline"
        self._began = time.ticks_ms()
        self._identify_until = self._began
        self._identifying = False
        self.color = _OFF
        self._last = (255, 255, 255)

    def set_state(self, state):
        self._state = state
        self.tick()

    def set_phase(self, phase):
        """The state of the board while it has no session: a name of _STATUS."""
        self._phase = phase
        self.tick()

    def set_color(self, red, green, blue):
        """The colour to show while idle."""
        self.color = (red, green, blue)
        self.tick()

    def turn_on(self):
        """Light the LED in the colour it had last: white when it never had one."""
        if self.color == _OFF:
            self.color = self._last
        self.tick()

    def turn_off(self):
        if self.color != _OFF:
            self._last = self.color
        self.color = _OFF
        self.tick()

    def identify(self, duration_ms):
        """Blink white for a while."""
        self._identify_until = time.ticks_add(time.ticks_ms(), duration_ms)
        self._identifying = True

    def tick(self):
        """Show what is to be shown now; call it often."""
        color = self._wanted()
        if color != self._shown:
            self._shown = color
            if self._hardware is not None:
                self._hardware.show(color)

    def _wanted(self):
        now = time.ticks_ms()
        age = time.ticks_diff(now, self._began)
        if self._identifying:
            if time.ticks_diff(self._identify_until, now) > 0:
                return _IDENTIFY if age // _IDENTIFY_BLINK_MS & 1 else _OFF
            self._identifying = False
        state = self._phase if self._state == "offline" else self._state
        if state not in _STATUS:
            return self.color
        color, blinks = _STATUS[state]
        if blinks and age // _BLINK_MS & 1:
            return _OFF
        return color


def open_led(board):
    """The board's LED; a board without one gets a Led that only remembers."""
    if not board.has("led"):
        return Led(None)
    pin = board.output_pin("led")
    if "neopixel" in board.features:
        return Led(RgbLed(pin))
    return Led(PlainLed(pin, board.inverted("led")))
