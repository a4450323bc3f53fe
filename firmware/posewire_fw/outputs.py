"""Relays, servos and free pins of a board, each with its tools. Pins are named in board.json: relay…, servo…, gpio_…"""

import machine

from posewire_fw.servo import Servo
from posewire_fw.tools import boolean, integer, string

# 0 and 180 degrees of a usual servo, in microseconds.
_SERVO_LEAST_US = 500
_SERVO_MOST_US = 2500


class Relay:
    """Something that is switched. inverted: on is a low level, as with most relay modules."""

    def __init__(self, pin, inverted=False):
        self._pin = pin
        self._inverted = inverted
        self.set(False)

    def set(self, on):
        self._pin.value(1 if bool(on) != self._inverted else 0)
        self.on = on


class TurnedServo:
    """A servo told its angle. It is driven from its first one on: before that it can be turned by hand."""

    def __init__(self, pin):
        self._servo = Servo(pin, _SERVO_LEAST_US, _SERVO_MOST_US)
        self.angle = None

    def set(self, angle):
        """Degrees, 0 … 180."""
        self._servo.move((angle * 1000 + 90) // 180)
        self.angle = angle

    def shown(self):
        """The angle as an iot state, where everything is a number."""
        return -1 if self.angle is None else self.angle

    def release(self):
        """Let go: no more pulses."""
        self._servo.relax()
        self.angle = None


class FreePin:
    """A pin without a purpose: driven once it has been written, an input until then."""

    def __init__(self, board, name):
        self._board = board
        self._name = name
        self._out = None

    def write(self, on):
        if self._out is None:
            self._out = self._board.output_pin(self._name)
        self._out.value(1 if on else 0)

    def read(self):
        # To ask an output as an input would switch it off.
        pin = self._out or self._board.pin(self._name, machine.Pin.IN)
        return bool(pin.value())


def register(tools, board):
    """Declare the tools of all such pins."""
    free = []
    for name in sorted(board.pins):
        if name.startswith("relay"):
            _relay(tools, name, Relay(board.output_pin(name), board.inverted(name)))
        elif name.startswith("servo"):
            _servo(tools, name, TurnedServo(board.output_pin(name)))
        elif name.startswith("gpio_"):
            free.append(name[5:])
    if free:
        _gpio(tools, board, free)


def _relay(tools, name, relay):
    tools.tool("self.%s.set" % name, "Switch the %s on or off." % name, {"on": boolean()}, lambda on: relay.set(on))
    tools.value(name, "on", "whether it is on", "boolean", lambda: relay.on)


def _servo(tools, name, servo):
    tools.tool(
        "self.%s.set_angle" % name,
        "Turn the %s." % name,
        {"angle": integer(0, 180, "degrees")},
        lambda angle: servo.set(angle),
    )
    tools.tool("self.%s.release" % name, "Let the %s move freely." % name, {}, lambda: servo.release())
    tools.value(name, "angle", "degrees; -1 while it is free", "number", servo.shown)


def _gpio(tools, board, names):
    pins = {name: FreePin(board, "gpio_" + name) for name in names}
    choice = string(choices=names)
    tools.tool(
        "self.gpio.write",
        "Drive a pin of the board high or low.",
        {"pin": choice, "on": boolean()},
        lambda pin, on: pins[pin].write(on),
    )
    tools.tool("self.gpio.read", "Read the level of a pin of the board.", {"pin": choice}, lambda pin: pins[pin].read())
