"""A 6-axis motion sensor with the MPU6050's registers (also MPU6500, MPU6886, ICM20602 …) by I2C, as landmark set imu6.

Ranges: +-8 g (4096 per g) and +-2000 degrees/s (16.4 per degree/s), raw, sensor axes.
"""

import time

import micropython
from micropython import const

from posewire_fw import log
from posewire_fw.pose_stream import IMU6, PoseStream

_ADDRESSES = (0x68, 0x69)
# WHO_AM_I of the parts that share these registers.
_KNOWN = (0x68, 0x19, 0x70, 0x71, 0x73, 0x98, 0x12)

_SMPLRT_DIV = const(0x19)
_CONFIG = const(0x1A)
_GYRO_CONFIG = const(0x1B)
_ACCEL_CONFIG = const(0x1C)
_ACCEL_XOUT_H = const(0x3B)
_PWR_MGMT_1 = const(0x6B)
_WHO_AM_I = const(0x75)

_RETRY_MS = const(2000)


@micropython.viper
def unpack(raw, values):
    """Registers (accelerometer, temperature, gyroscope; big-endian) -> 6 integers."""
    r = ptr8(raw)
    q = ptr16(values)
    i = 0
    while i < 6:
        at = i << 1
        if i >= 3:
            at += 2
        q[i] = (int(r[at]) << 8) | int(r[at + 1])
        i += 1


class Imu:
    """Reads the sensor `rate` times a second. A sensor that is absent or falls silent is looked for again."""

    def __init__(self, i2c, rate, clock):
        self._i2c = i2c
        self._clock = clock
        self._period = 1000 // rate
        self._raw = bytearray(14)
        self._address = 0
        self._next = time.ticks_ms()
        self.stream = PoseStream(IMU6, 2, 3, counts=True)
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
            self._i2c.readfrom_mem_into(self._address, _ACCEL_XOUT_H, self._raw)
        except OSError:
            self.errors += 1
            self._address = 0
            return
        unpack(self._raw, self.stream.values)
        self._clock.write_be(self.stream.time, 0)
        self.stream.publish()
        self.samples += 1

    def _find(self):
        for address in _ADDRESSES:
            try:
                who = self._i2c.readfrom_mem(address, _WHO_AM_I, 1)[0]
                if who not in _KNOWN:
                    continue
                # Awake, with the gyroscope's clock; 44 Hz low-pass; 1 kHz / (1 + 4); ranges.
                for register, value in (
                    (_PWR_MGMT_1, 0x01),
                    (_CONFIG, 0x03),
                    (_SMPLRT_DIV, 0x04),
                    (_GYRO_CONFIG, 0x18),
                    (_ACCEL_CONFIG, 0x10),
                ):
                    self._i2c.writeto_mem(address, register, bytes([value]))
            except OSError:
                continue
            log.info("imu", "found 0x%02x at 0x%02x", who, address)
            self._address = address
            return True
        return False
