"""The bias of a gyroscope: measured when asked for, while it is still, and taken off every sample from then on."""

from array import array

import micropython
from micropython import const

_SAMPLES = const(64)
# A gyroscope that moves more than this between two samples (counts) is not lying still.
_STILL = const(160)


@micropython.viper
def moved(values, last) -> int:
    """The largest change of a rate since the last sample, which becomes this one."""
    v = ptr16(values)
    w = ptr16(last)
    most = 0
    i = 3
    while i < 6:
        value = (int(v[i]) ^ 0x8000) - 0x8000
        change = value - ((int(w[i]) ^ 0x8000) - 0x8000)
        if change < 0:
            change = 0 - change
        if change > most:
            most = change
        w[i] = value & 0xFFFF
        i += 1
    return most


@micropython.viper
def add(values, total):
    """Add the rates of a sample up."""
    v = ptr16(values)
    t = ptr32(total)
    i = 3
    while i < 6:
        t[i] = int(t[i]) + ((int(v[i]) ^ 0x8000) - 0x8000)
        i += 1


@micropython.viper
def subtract(values, bias):
    """Take the bias off the rates of a sample, within 16 bits."""
    v = ptr16(values)
    b = ptr16(bias)
    i = 3
    while i < 6:
        value = ((int(v[i]) ^ 0x8000) - 0x8000) - ((int(b[i]) ^ 0x8000) - 0x8000)
        if value > 32767:
            value = 32767
        elif value < -32768:
            value = -32768
        v[i] = value & 0xFFFF
        i += 1


class Bias:
    """correct() each sample (6 integers, rates last): it is corrected in place."""

    def __init__(self):
        self.values = array("h", bytes(12))
        self._last = array("h", bytes(12))
        self._total = array("i", bytes(24))
        self._left = 0

    def measure(self):
        """Begin to measure; the sensor must lie still for 64 samples."""
        for i in range(6):
            self._total[i] = 0
        self._left = _SAMPLES

    def measuring(self):
        return self._left > 0

    def correct(self, values):
        if self._left:
            if moved(values, self._last) > _STILL:
                self.measure()
            else:
                add(values, self._total)
                self._left -= 1
                if not self._left:
                    self._finish()
        subtract(values, self.values)

    def _finish(self):
        for i in range(3, 6):
            self.values[i] = self._total[i] // _SAMPLES
