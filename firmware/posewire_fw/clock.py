"""The board's own millisecond clock modulo 2^32, kept as two 16-bit halves.

time.ticks_ms() wraps after 2^30 ms, which a receiver of pose packets would see as a jump; and an integer above
30 bits is an object on the heap of a 32-bit chip.
"""

import time


class Clock:
    def __init__(self):
        self.high = 0
        self.low = 0
        self._last = time.ticks_ms()

    def update(self):
        """Follow time.ticks_ms(); call at least once in six days (the application does all the time)."""
        now = time.ticks_ms()
        low = self.low + time.ticks_diff(now, self._last)
        self._last = now
        self.high = (self.high + (low >> 16)) & 0xFFFF
        self.low = low & 0xFFFF

    def write_be(self, buf, at):
        self.update()
        buf[at] = self.high >> 8
        buf[at + 1] = self.high & 0xFF
        buf[at + 2] = self.low >> 8
        buf[at + 3] = self.low & 0xFF

    def uptime_ms(self):
        self.update()
        return self.high << 16 | self.low
