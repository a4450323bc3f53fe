"""The driver of each motion sensor against that sensor, simulated register by register. Runs on MicroPython only.

POSEWIRE_SIM says which sensor there is; test_fw_on_micropython.py runs this once for each.
"""

import os
import struct
import time

import machine
import simbus

from posewire_fw import imu, imu_bmi270
from posewire_fw.clock import Clock

KIND = simbus.settings["imu"]
# What the chip feels: 0.5 g, -0.25 g, 1 g; 100, -500, 1900 degrees/s
FELT = (8192, -4096, 16384, 13100, -65500, 248900)
WANTED = (2048, -1024, 4096, 1638, -8192, 31130)


def feel(values, present=1):
    struct.pack_into("<6i", simbus.payload, 0, *values)
    simbus._handlers[simbus.IMU](0, present, 0, 0, 24)


def sensor(part=None):
    return imu.Imu(machine.I2C(0), 200, Clock(), part)


def run(reader, samples):
    wanted = reader.samples + samples
    begun = time.ticks_ms()
    while reader.samples < wanted and time.ticks_diff(time.ticks_ms(), begun) < 5000:
        reader.poll()
        time.sleep_ms(1)
    return struct.unpack("<6h", bytes(reader.stream.values))


def put_configuration(size=8192):
    with open(imu_bmi270.FILE, "wb") as file:
        for _ in range(size // 64):
            file.write(bytes(range(64)))


def test_every_chip_gives_the_same_counts_for_the_same_motion():
    put_configuration()
    feel(FELT)
    reader = sensor()
    values = run(reader, 5)
    os.remove(imu_bmi270.FILE)
    assert reader.chip == KIND, reader.chip
    for value, wanted in zip(values, WANTED):
        # A count of the chip's own steps, and the MPU6050's 16.375 for 16.384.
        assert abs(value - wanted) <= 2 + abs(wanted) // 1000, values


def test_what_is_too_much_saturates():
    put_configuration()
    feel((16384 * 9, -16384 * 9, 0, 131 * 2400, -131 * 2400, 0))
    values = run(sensor({"chip": KIND}), 5)
    os.remove(imu_bmi270.FILE)
    # Where a chip's own range ends a little later, the counts stay within 16 bits.
    assert values[0] > 32700 and values[1] < -32700 and values[3] > 32700 and values[4] < -32700, values


def test_a_sensor_that_falls_silent_is_found_again():
    put_configuration()
    reader = sensor({"chip": KIND})
    run(reader, 3)
    feel(FELT, 0)
    for _ in range(40):
        reader.poll()
        time.sleep_ms(1)
    assert reader.errors == 1
    feel(FELT)
    assert run(reader, 3)[2] != 0
    os.remove(imu_bmi270.FILE)


def test_another_chip_than_the_boards_is_not_taken():
    other = "qmi8658" if KIND != "qmi8658" else "lsm6ds"
    reader = sensor({"chip": other})
    reader.poll()
    assert reader.chip is None


def test_a_bmi270_without_its_configuration_stays_silent():
    if KIND != "bmi270":
        return
    for size in (0, 4096):
        if size:
            put_configuration(size)
        reader = sensor()
        reader.poll()
        assert reader.chip is None
        assert imu_bmi270.FILE in reader._told
    os.remove(imu_bmi270.FILE)
