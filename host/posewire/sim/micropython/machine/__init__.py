"""The stock machine module of an ESP32, as far as firmware uses it, on simulated hardware."""

import time

import simbus
import simidf
from micropython import const

from machine.i2c import I2C, SoftI2C  # noqa: F401
from machine.i2s import I2S  # noqa: F401
from machine.pins import PWM, Pin  # noqa: F401
from machine.uart import UART  # noqa: F401

PWRON_RESET = const(1)
HARD_RESET = const(2)
WDT_RESET = const(3)
DEEPSLEEP_RESET = const(4)
SOFT_RESET = const(5)


class WDT:
    """Python watches: a process that hangs in a loop could not reset itself."""

    def __init__(self, id=0, timeout=5000):
        self._between = max(1, timeout // 8)
        self._fed = time.ticks_ms()
        simbus.send(simbus.WDT, id, timeout)

    def feed(self):
        now = time.ticks_ms()
        if time.ticks_diff(now, self._fed) >= self._between:
            self._fed = now
            simbus.send(simbus.FEED)


class Timer:
    """One-shot and periodic timers, driven by the simulated hardware's turn of the event loop."""

    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id, **options):
        self._callback = None
        if options:
            self.init(**options)

    def init(self, *, mode=PERIODIC, freq=-1, period=-1, callback=None):
        self._period = period if period >= 0 else 1000 // freq
        self._once = mode == Timer.ONE_SHOT
        self._callback = callback
        self._due = time.ticks_add(time.ticks_ms(), self._period)
        simbus.tick_with(self)

    def deinit(self):
        simbus.no_tick(self)

    def tick(self):
        if time.ticks_diff(time.ticks_ms(), self._due) >= 0:
            if self._once:
                simbus.no_tick(self)
            self._due = time.ticks_add(self._due, self._period)
            self._callback(self)


class RTC:
    """The clock behind time.time(); like the chip's it is lost with the power, and here at each reset, too."""

    def __init__(self, id=0):
        pass

    def datetime(self, moment=None):
        if moment is None:
            year, month, day, hour, minute, second, weekday, _ = time.gmtime()
            return (year, month, day, weekday, hour, minute, second, time.time_ns() // 1000 % 1000000)
        year, month, day, _, hour, minute, second, _ = moment
        time.set_clock(time.mktime((year, month, day, hour, minute, second)))
        return None

    def init(self, moment):
        self.datetime(moment)

    def memory(self, data):
        """Keep some bytes; only writing is there. The firmware finds where, and uses the place itself."""
        import esp32

        kept = esp32.rtc_memory()
        if kept is None or len(data) > len(kept):
            raise ValueError("buffer too long")
        kept[: len(data)] = data


def reset():
    """Start again from nothing: Python ends this process and starts another."""
    simidf.tell()
    simbus.halt(simbus.RESET, HARD_RESET)


def soft_reset():
    simidf.tell()
    simbus.halt(simbus.RESET, SOFT_RESET)


def reset_cause():
    return simbus.settings.get("reset_cause", PWRON_RESET)


def unique_id():
    return bytes.fromhex(simbus.settings.get("mac", "02:00:00:00:00:01").replace(":", ""))


def freq(hz=None):
    return 240000000 if hz is None else None


def idle():
    time.sleep_us(100)


def disable_irq():
    return 0


def enable_irq(state):
    pass
