"""Simulated motion sensors besides the MPU6050, register by register after the makers' data sheets.

Python sets what a chip feels as six integers: accelerometer in 1/16384 g, gyroscope in 1/131 degree/s.
"""

import time

import simbus
from micropython import const

from simchips.registers import Registers

_BMI_CONFIG = const(8192)


class Sensor(Registers):
    """scale_accel, scale_gyro: counts for 16384 and 131 * 16 of what is felt."""

    ADDRESS = 0x6B
    WHO = (0x00, 0x05)

    def __init__(self):
        super().__init__()
        self._felt = bytearray(24)
        self._felt[9] = 0x40
        self._sampled = time.ticks_us()
        self.registers[self.WHO[0]] = self.WHO[1]
        simbus.on(simbus.IMU, self._feel)

    def _feel(self, port, a, b, c, length):
        self.present = a != 0
        for i in range(24):
            self._felt[i] = simbus.payload[i]

    def put(self, at, index, numerator, denominator):
        """One axis as a 16-bit number, low byte first, saturated as the chip does it."""
        felt = simbus.int32(self._felt, 4 * index)
        # The whole product would be too large a number to be made without an object.
        value = felt // denominator * numerator + felt % denominator * numerator // denominator
        value = max(-32768, min(32767, value)) & 0xFFFF
        self.registers[at] = value & 0xFF
        self.registers[at + 1] = value >> 8

    def due(self, period_us):
        """Whether there is a new sample; between samples the registers stay as they are."""
        now = time.ticks_us()
        if time.ticks_diff(now, self._sampled) < period_us:
            return False
        self._sampled = now
        return True


class Qmi8658(Sensor):
    """Silent until CTRL7 switches both on. CTRL1's bit 6: addresses count up; bit 5: the high byte comes first."""

    ADDRESS = 0x6B
    WHO = (0x00, 0x05)

    def __init__(self):
        super().__init__()
        self.registers[0x02] = 0x20

    def before_read(self, register):
        r = self.registers
        if r[0x08] & 3 != 3 or not self.due(1000000 // 448):
            return
        for i in range(3):
            self.put(0x35 + 2 * i, i, 2, 1 << (r[0x03] >> 4 & 7) + 1)
            # 16 degrees/s at the finest range
            self.put(0x3B + 2 * i, 3 + i, 32768, (131 * 16) << (r[0x04] >> 4 & 7))
        if r[0x02] & 0x20:
            for at in range(0x35, 0x41, 2):
                r[at], r[at + 1] = r[at + 1], r[at]

    def _next(self, register):
        return register + 1 & 0xFF if self.registers[0x02] & 0x40 else register


class Lsm6ds(Sensor):
    """An LSM6DSOX. Silent while a rate is 0."""

    ADDRESS = 0x6A
    WHO = (0x0F, 0x6C)

    # In ug and 1250 ud/s a count, by the bits of the range.
    _ACCEL = (61, 488, 122, 244)
    _GYRO = (7, 14, 28, 56)

    def before_read(self, register):
        r = self.registers
        if not self.due(1000000 // 416):
            return
        for i in range(3):
            if r[0x11] >> 4:
                self.put(0x22 + 2 * i, 3 + i, 800, 131 * self._GYRO[r[0x11] >> 2 & 3])
            if r[0x10] >> 4:
                self.put(0x28 + 2 * i, i, 15625, 256 * self._ACCEL[r[0x10] >> 2 & 3])


class Bmi270(Sensor):
    """Silent until it has its configuration: what is loaded is not looked at, only that it is whole and in order."""

    ADDRESS = 0x68
    WHO = (0x00, 0x24)

    def __init__(self):
        super().__init__()
        self._loaded = 0
        self.registers[0x7C] = 0x03

    def write_register(self, register, value):
        r = self.registers
        if register == 0x5E:
            if r[0x7C] & 1:
                return
            # A piece is in order when it begins where the last one ended.
            self._loaded += 1
            return
        if register == 0x5C:
            place = (value << 4 | r[0x5B]) * 2
            if place != self._loaded:
                self._loaded = -_BMI_CONFIG
        r[register] = value
        if register == 0x59:
            if value == 0:
                self._loaded = 0
                r[0x21] = 0
            else:
                r[0x21] = 1 if self._loaded == _BMI_CONFIG else 2

    def before_read(self, register):
        r = self.registers
        if r[0x21] != 1 or r[0x7D] & 6 != 6 or not self.due(2500):
            return
        for i in range(3):
            self.put(0x0C + 2 * i, i, 2, 1 << (r[0x41] & 3) + 1)
            self.put(0x12 + 2 * i, 3 + i, 32768 << (r[0x43] & 7), 131 * 2000)

    def _next(self, register):
        return register if register == 0x5E else register + 1 & 0xFF


CHIPS = {"qmi8658": Qmi8658, "lsm6ds": Lsm6ds, "bmi270": Bmi270}
