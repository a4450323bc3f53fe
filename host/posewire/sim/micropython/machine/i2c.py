"""I2C with the motion sensor that the simulated board has."""

import errno

import simbus

from machine.drivers import drive_once


def _sensor():
    """The motion sensor that the simulated board has, and its address."""
    kind = simbus.settings.get("imu", "mpu6050")
    if kind in ("mpu6050", "mpu6886"):
        from simchips.mpu6050 import ADDRESS, Mpu6050

        return ADDRESS, Mpu6050(0x19 if kind == "mpu6886" else ADDRESS)
    from simchips.imu import CHIPS

    return CHIPS[kind].ADDRESS, CHIPS[kind]()


_sensors = []


class I2C:
    """Both buses of the chip: the motion sensor is on each of them, and chips that only remember what they are told."""

    def __init__(self, id=0, *, scl=None, sda=None, freq=400000, timeout=50000):
        from simchips.registers import Registers

        if not 0 <= id < simbus.settings.get("i2c_ports", 2):
            raise ValueError("I2C(%d) doesn't exist" % id)
        drive_once("i2c")
        if not _sensors:
            _sensors.append(_sensor())
        self._devices = dict(_sensors)
        for address in simbus.settings.get("i2c", ()):
            self._devices[address] = Registers()

    def init(self, **kwargs):
        pass

    def deinit(self):
        pass

    def scan(self):
        simbus.poll()
        return sorted([address for address in self._devices if self._devices[address].present])

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        device = self._select(addr)
        device.point(memaddr)
        device.read(buf, len(buf))

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        buf = bytearray(nbytes)
        self.readfrom_mem_into(addr, memaddr, buf)
        return bytes(buf)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        device = self._select(addr)
        device.point(memaddr)
        device.write(buf, 0)

    def readfrom_into(self, addr, buf, stop=True):
        self._select(addr).read(buf, len(buf))

    def readfrom(self, addr, nbytes, stop=True):
        buf = bytearray(nbytes)
        self.readfrom_into(addr, buf)
        return bytes(buf)

    def writeto(self, addr, buf, stop=True):
        device = self._select(addr)
        if len(buf):
            device.point(buf[0])
            device.write(buf, 1)
        return len(buf)

    def _select(self, addr):
        simbus.poll()
        device = self._devices.get(addr)
        if device is None or not device.present:
            raise OSError(errno.ENODEV)
        return device


class SoftI2C(I2C):
    def __init__(self, scl, sda, *, freq=400000, timeout=50000):
        super().__init__(0, scl=scl, sda=sda, freq=freq)
