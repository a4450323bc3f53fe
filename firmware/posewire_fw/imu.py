"""A 6-axis motion sensor by I2C as landmark set imu6: one of imu_chips.py, scaled as is said there, sensor axes."""

import time
from array import array

import micropython
from micropython import const

from posewire_fw import log
from posewire_fw.imu_bias import Bias
from posewire_fw.pose_queue import PoseQueue
from posewire_fw.pose_stream import IMU6
from posewire_fw.unload import unload_modules

_RETRY_MS = const(2000)
_RAW_MAX = const(14)
# Samples that wait for a link that pauses: a fusion on the other side wants every one.
_QUEUE = const(32)


@micropython.viper
def unpack(raw, values, layout):
    """Registers -> 6 integers, accelerometer first. layout: as at the end of an entry of CHIPS, as array("i")."""
    r = ptr8(raw)
    q = ptr16(values)
    how = ptr32(layout)
    high = int(how[2])
    i = 0
    while i < 6:
        at = int(how[0]) + (i << 1)
        scale = int(how[3])
        if i >= 3:
            at = int(how[1]) + ((i - 3) << 1)
            scale = int(how[4])
        value = 0
        if high:
            value = (int(r[at]) << 8) | int(r[at + 1])
        else:
            value = (int(r[at + 1]) << 8) | int(r[at])
        if value > 32767:
            value -= 65536
        value = (value * scale + 8192) >> 14
        if value > 32767:
            value = 32767
        elif value < -32768:
            value = -32768
        q[i] = value
        i += 1


class Imu:
    """Reads the sensor `rate` times a second. A sensor that is absent or falls silent is looked for again.

    part: the table [imu] of the board; empty where it is not known what is there: then all kinds are looked for.
    """

    def __init__(self, i2c, rate, clock, part=None):
        self._i2c = i2c
        self._clock = clock
        self._part = part or {}
        self._period = 1000 // rate
        self._buffer = bytearray(_RAW_MAX)
        self._raw = self._buffer
        self._layout = array("i", (0, 8, 1, 16384, 16384))
        self._register = 0
        self._address = 0
        self._next = time.ticks_ms()
        self._told = ""
        self.chip = None
        self.bias = Bias()
        self.stream = PoseQueue(IMU6, 2, 3, _QUEUE)
        self.samples = 0
        self.errors = 0

    def poll(self):
        """Read a sample when it is time to."""
        now = time.ticks_ms()
        late = time.ticks_diff(now, self._next)
        if late < 0:
            return
        if not self._address and not self._find():
            self._next = time.ticks_add(now, _RETRY_MS)
            return
        # Steady on average; after a pause it does not catch up.
        self._next = time.ticks_add(now if late > self._period else self._next, self._period)
        self._read()

    def _read(self):
        try:
            self._i2c.readfrom_mem_into(self._address, self._register, self._raw)
        except OSError:
            self.errors += 1
            self._address = 0
            return
        unpack(self._raw, self.stream.values, self._layout)
        self.bias.correct(self.stream.values)
        self._clock.write_be(self.stream.time, 0)
        self.stream.publish()
        self.samples += 1

    def _find(self):
        # The table is large, and of no use once the chip is known.
        from posewire_fw import imu_chips

        found = imu_chips.find(self._i2c, self._part, self._tell)
        if found is None:
            # It is looked for again soon: the table stays.
            return False
        self.chip, self._address, self._register, count, layout = found
        log.info("imu", "found %s at 0x%02x", self.chip, self._address)
        self._told = ""
        for i in range(5):
            self._layout[i] = layout[i]
        self._raw = memoryview(self._buffer)[:count]
        unload_modules("imu_chips")
        return True

    def _tell(self, text):
        if text != self._told:
            self._told = text
            log.error("imu", "%s", text)
