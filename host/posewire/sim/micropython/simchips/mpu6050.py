"""An MPU-6050 behind I2C, register by register (InvenSense RM-MPU-6000A-00).

Python sets what the chip feels as six integers at the finest range: accelerometer in 1/16384 g, gyroscope in 1/131
degree/s.
"""

import time

import simbus
from micropython import const

ADDRESS = const(0x68)

_SMPLRT_DIV = const(0x19)
_CONFIG = const(0x1A)
_GYRO_CONFIG = const(0x1B)
_ACCEL_CONFIG = const(0x1C)
_INT_STATUS = const(0x3A)
_ACCEL = const(0x3B)
_TEMP = const(0x41)
_GYRO = const(0x43)
_PWR_MGMT_1 = const(0x6B)
_WHO_AM_I = const(0x75)

_RESET = const(0x80)
_SLEEP = const(0x40)
# 25 degrees Celsius: (25 - 36.53) * 340
_TEMPERATURE = const(-3920)


class Mpu6050:
    """who: what it says in WHO_AM_I; the MPU6886 has the same registers and 0x19 there."""

    def __init__(self, who=ADDRESS):
        self._who = who
        self._registers = bytearray(128)
        self._felt = bytearray(24)
        self._at = 0
        self._sampled = time.ticks_us()
        self.present = True
        self._feel_nothing()
        self._reset()
        simbus.on(simbus.IMU, self._feel)

    def write(self, buf, start):
        """Bytes from the bus: the register number, then values for it and those after it."""
        at = start
        end = len(buf)
        while at < end:
            self.write_register(self._at, buf[at])
            self._at = self._at + 1 & 0x7F
            at += 1

    def point(self, register):
        self._at = register & 0x7F

    def write_register(self, register, value):
        if register == _PWR_MGMT_1 and value & _RESET:
            self._reset()
        elif register not in (_WHO_AM_I, _INT_STATUS) and not _ACCEL <= register < _ACCEL + 14:
            self._registers[register] = value

    def read(self, buf, size):
        """Give so many bytes from the present register on."""
        self._sample()
        at = 0
        while at < size:
            buf[at] = self._registers[self._at]
            if self._at == _INT_STATUS:
                self._registers[_INT_STATUS] = 0
            self._at = self._at + 1 & 0x7F
            at += 1

    def _reset(self):
        registers = self._registers
        for i in range(len(registers)):
            registers[i] = 0
        registers[_PWR_MGMT_1] = _SLEEP
        registers[_WHO_AM_I] = self._who

    def _feel_nothing(self):
        # Flat on a table: 1 g on z.
        self._felt[9] = 0x40

    def _feel(self, port, a, b, c, length):
        self.present = a != 0
        for i in range(24):
            self._felt[i] = simbus.payload[i]

    def _sample(self):
        registers = self._registers
        if registers[_PWR_MGMT_1] & _SLEEP:
            return
        # 8 kHz without the low-pass filter, 1 kHz with it, divided.
        base = 125 if registers[_CONFIG] & 7 in (0, 7) else 1000
        now = time.ticks_us()
        if time.ticks_diff(now, self._sampled) < base * (1 + registers[_SMPLRT_DIV]):
            return
        self._sampled = now
        for i in range(3):
            self._put(_ACCEL + 2 * i, simbus.int32(self._felt, 4 * i) >> (registers[_ACCEL_CONFIG] >> 3 & 3))
            self._put(_GYRO + 2 * i, simbus.int32(self._felt, 12 + 4 * i) >> (registers[_GYRO_CONFIG] >> 3 & 3))
        self._put(_TEMP, _TEMPERATURE)
        registers[_INT_STATUS] = 1

    def _put(self, register, value):
        value = max(-32768, min(32767, value)) & 0xFFFF
        self._registers[register] = value >> 8
        self._registers[register + 1] = value & 0xFF
