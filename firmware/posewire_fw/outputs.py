"""Relays, servos and free pins of a board, each with its tools. Pins are named in board.json: relay…, servo…, gpio_…"""

import machine
from micropython import const

from posewire_fw.tools import boolean, integer, string

_SERVO_HZ = const(50)
# 0 and 180 degrees of a usual servo, in microseconds.
_SERVO_LEAST_US = const(500)
_SERVO_MOST_US = const(2500)


class Relay:
    """Something that is switched: on is a high level."""

    def __init__(self, pin):
        self._pin = pin
        self.on = False
        pin.value(0)

    def set(self, on):
        self._pin.value(1 if on else 0)
        self.on = on


class Servo:
    """A servo motor. It is driven from its first angle on: before that it can be turned by hand."""

    def __init__(self, pin):
        self._pin = pin
        self._pwm = None
        self.angle = None

    def set(self, angle):
        """Degrees, 0 … 180."""
        pulse = _SERVO_LEAST_US + (_SERVO_MOST_US - _SERVO_LEAST_US) * angle // 180
        duty = pulse * 65535 * _SERVO_HZ // 1000000
        if self._pwm is None:
            self._pwm = machine.PWM(self._pin, freq=_SERVO_HZ, duty_u16=duty)
        else:
            self._pwm.duty_u16(duty)
        self.angle = angle

    def shown(self):
        """The angle as an iot state, where everything is a number."""
        return -1 if self.angle is None else self.angle

    def release(self):
        """Let go: no more pulses."""
        if self._pwm is not None:
            self._pwm.deinit()
            self._pwm = None
        self.angle = None


def register(tools, board):
    """Declare the tools of all such pins."""
    free = []
    for name in sorted(board.pins):
        if name.startswith("relay"):
            _relay(tools, name, Relay(board.output_pin(name)))
        elif name.startswith("servo"):
            _servo(tools, name, Servo(board.output_pin(name)))
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
    def write(pin, on):
        board.output_pin("gpio_" + pin).value(1 if on else 0)

    def read(pin):
        return bool(board.pin("gpio_" + pin, machine.Pin.IN).value())

    choice = string(choices=names)
    tools.tool("self.gpio.write", "Drive a pin of the board high or low.", {"pin": choice, "on": boolean()}, write)
    tools.tool("self.gpio.read", "Read the level of a pin of the board.", {"pin": choice}, read)
