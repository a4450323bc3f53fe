"""Counts the frames of a sample rate that time brings, in numbers that stay small: no object is made."""

import math
import time

_SECOND = 1000000


class FrameClock:
    """Frames since it was made. It has to be looked at every few minutes: the chip's time goes in a circle."""

    def __init__(self, rate):
        divisor = math.gcd(rate, _SECOND) if hasattr(math, "gcd") else _gcd(rate, _SECOND)
        # So many frames are so many microseconds.
        self._frames = rate // divisor
        self._us = _SECOND // divisor
        self._count = 0
        self._rest = 0
        self._looked = time.ticks_us()

    def now(self):
        """Frames until now."""
        now = time.ticks_us()
        rest = time.ticks_diff(now, self._looked) * self._frames + self._rest
        self._looked = now
        self._count += rest // self._us
        self._rest = rest % self._us
        return self._count

    def since(self, moment):
        """Frames since a moment of not long ago (ticks_us), by the clock of this very call."""
        return self.now() - self.at(moment)

    def at(self, moment):
        """The number of frames at a moment of not long ago (ticks_us), as far as now() has last looked."""
        back = time.ticks_diff(self._looked, moment) * self._frames - self._rest
        return self._count - (back + self._us - 1) // self._us

    def moment(self, frame):
        """When a frame of about now begins (ticks_us), as far as now() has last looked."""
        return time.ticks_add(self._looked, ((frame - self._count) * self._us - self._rest) // self._frames)


def _gcd(a, b):
    while b:
        a, b = b, a % b
    return a
