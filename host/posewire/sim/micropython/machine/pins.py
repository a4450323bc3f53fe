"""Pins and PWM: levels that the world outside sets and sees."""

import simbus
from micropython import const

from machine.drivers import drive_once

_PINS = const(64)

# The level that the world outside puts on a pin: 0, 1, or nothing.
_OPEN = const(2)
_levels = bytearray(_PINS)
for _i in range(_PINS):
    _levels[_i] = _OPEN
_pins = {}
# A board reads a button every few milliseconds. This process may not run for longer than a press, on a machine that has
# no time: so a level that is read at all stays until it has been read this often. 255: nobody has read the pin yet.
_SEEN = const(4)
_NEVER = const(255)
_reads = bytearray(b"\xff" * _PINS)
# The level that comes then; the newest, where there are several.
_next_levels = bytearray(b"\xff" * _PINS)


def _on_pin(number, a, b, c, length):
    pin = _pins.get(number)
    if _reads[number] < _SEEN and pin is not None and pin._handler is None:
        _next_levels[number] = a
    else:
        _set_level(number, a)


def _count_read(number):
    """Count a reading of a pin; the next level comes when this one has been seen."""
    if _reads[number] == _NEVER:
        _reads[number] = _SEEN
    elif _reads[number] < _SEEN:
        _reads[number] += 1
        if _reads[number] == _SEEN and _next_levels[number] != _NEVER:
            level = _next_levels[number]
            _next_levels[number] = _NEVER
            _set_level(number, level)


def _set_level(number, a):
    before = _levels[number]
    if before != a and _reads[number] != _NEVER:
        _reads[number] = 0
    _levels[number] = a
    pin = _pins.get(number)
    if pin is not None and before != a:
        pin._changed()


simbus.on(simbus.PIN, _on_pin)


class Pin:
    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_DOWN = 1
    PULL_UP = 2
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __new__(cls, id, *args, **kwargs):
        if isinstance(id, Pin):
            return id
        if not 0 <= id < _PINS:
            raise ValueError("invalid pin")
        pin = _pins.get(id)
        if pin is None:
            pin = super().__new__(cls)
            pin.number = id
            pin._mode = Pin.IN
            pin._pull = None
            pin._out = 0
            pin._handler = None
            pin._trigger = 0
            pin._last = 0
            _pins[id] = pin
        return pin

    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None, drive=None, hold=None):
        if mode != -1:
            self._mode = mode
        if pull != -1:
            self._pull = pull
        if value is not None:
            self.value(value)
        self._last = self._level()

    def value(self, x=None):
        simbus.poll()
        if x is None:
            level = self._level()
            _count_read(self.number)
            return level
        x = 1 if x else 0
        if x != self._out:
            self._out = x
            simbus.send(simbus.PIN_OUT, self.number, x)
        return None

    def __call__(self, x=None):
        return self.value(x)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(1 - self._out)

    def irq(self, handler=None, trigger=3, *, wake=None, hard=False):
        self._handler = handler
        self._trigger = trigger
        self._last = self._level()
        simbus.start()

    def __repr__(self):
        return "Pin(%d)" % self.number

    def _level(self):
        if self._mode == Pin.OUT:
            return self._out
        level = _levels[self.number]
        if level == _OPEN:
            return 1 if self._pull == Pin.PULL_UP else 0
        return level

    def _changed(self):
        level = self._level()
        if level == self._last:
            return
        self._last = level
        if self._handler is not None and self._trigger & (Pin.IRQ_RISING if level else Pin.IRQ_FALLING):
            self._handler(self)


class PWM:
    def __init__(self, dest, *, freq=5000, duty=None, duty_u16=None, duty_ns=None, invert=False):
        drive_once("pwm")
        self._pin = Pin(dest)
        self._freq = freq
        self._duty = 0x8000
        self.init(freq=freq, duty=duty, duty_u16=duty_u16, duty_ns=duty_ns)

    def init(self, *, freq=None, duty=None, duty_u16=None, duty_ns=None, invert=False):
        if freq is not None:
            self._freq = freq
        if duty is not None:
            self._duty = duty << 6
        if duty_u16 is not None:
            self._duty = duty_u16
        if duty_ns is not None:
            self._duty = duty_ns * self._freq * 65535 // 1000000000
        self._tell()

    def freq(self, value=None):
        if value is None:
            return self._freq
        self._freq = value
        self._tell()
        return None

    def duty(self, value=None):
        if value is None:
            return self._duty >> 6
        self._duty = value << 6
        self._tell()
        return None

    def duty_u16(self, value=None):
        if value is None:
            return self._duty
        self._duty = value
        self._tell()
        return None

    def duty_ns(self, value=None):
        if value is None:
            return self._duty * 1000000000 // (self._freq * 65535)
        self._duty = value * self._freq * 65535 // 1000000000
        self._tell()
        return None

    def deinit(self):
        self._duty = 0
        self._tell()

    def _tell(self):
        simbus.send(simbus.PWM, self._pin.number, self._duty, self._freq)
