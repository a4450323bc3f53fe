"""The 6-axis motion sensors that the firmware knows, by their registers. imu.py reads them all alike.

Each is set to about 400 samples a second, +-8 g and +-2000 degrees/s. What they give differs a little in scale and is
brought to that of the MPU6050: 4096 counts per g, 16.384 per degree/s. Register numbers and values: the makers' data
sheets.
"""

import time

# Register, value, then milliseconds to wait.
_MPU = ((0x6B, 0x01, 10), (0x1A, 0x03, 0), (0x19, 0x01, 0), (0x1B, 0x18, 0), (0x1C, 0x10, 0))
# Addresses count up, low byte first; 8 g and 2048 degrees/s at 448 Hz; low-pass at 60 Hz; both on.
_QMI = ((0x02, 0x40, 0), (0x03, 0x24, 0), (0x04, 0x74, 0), (0x06, 0x77, 0), (0x08, 0x03, 10))
# A sample is not changed while it is read, addresses count up; 416 Hz.
_LSM = ((0x12, 0x44, 0), (0x10, 0x6C, 0), (0x11, 0x6C, 10))
# After its configuration (imu_bmi270.py): 400 Hz, filtered; both on; no saving of power.
_BMI = ((0x40, 0xAA, 0), (0x41, 0x02, 0), (0x42, 0xEA, 0), (0x43, 0x00, 0), (0x7D, 0x0E, 2), (0x7C, 0x02, 10))

_ONE = 16384

# name: (addresses, register that says what it is, what it says there, set-up, first data register, bytes of data,
#        (offset of the accelerometer, of the gyroscope, 1 for high byte first, scale of both in 1/16384))
CHIPS = {
    "mpu6050": ((0x68, 0x69), 0x75, (0x68, 0x70, 0x71, 0x73, 0x98, 0x12), _MPU, 0x3B, 14, (0, 8, 1, _ONE, _ONE)),
    "mpu6886": ((0x68, 0x69), 0x75, (0x19,), _MPU, 0x3B, 14, (0, 8, 1, _ONE, _ONE)),
    "qmi8658": ((0x6B, 0x6A), 0x00, (0x05,), _QMI, 0x35, 12, (0, 6, 0, _ONE, 16777)),
    # LSM6DS3, DS3TR-C, DSL, DSR, DSO, DSOX: 0.244 mg and 70 millidegrees/s a count
    "lsm6ds": ((0x6A, 0x6B), 0x0F, (0x69, 0x6A, 0x6B, 0x6C), _LSM, 0x22, 12, (6, 0, 0, 16375, 18790)),
    "bmi270": ((0x68, 0x69), 0x00, (0x24,), _BMI, 0x0C, 12, (0, 6, 0, _ONE, _ONE)),
}


def find(i2c, part, tell):
    """(name, address, first register, bytes, layout) of the chip that answers, set up; None for none.

    part: the table [imu] of the board; tell(text) hears what is wrong with a chip that is there.
    """
    wanted = part.get("chip")
    if wanted is not None and wanted not in CHIPS:
        tell("there is no driver for %s" % wanted)
        return None
    for name in CHIPS if wanted is None else (wanted,):
        entry = CHIPS[name]
        for address in (part["address"],) if part.get("address") else entry[0]:
            if _set_up(i2c, name, address, entry, tell):
                return name, address, entry[4], entry[5], entry[6]
    return None


def _set_up(i2c, name, address, entry, tell):
    """Set up the chip at an address, if it is this one."""
    try:
        if i2c.readfrom_mem(address, entry[1], 1)[0] not in entry[2]:
            return False
        if name == "bmi270":
            from posewire_fw.imu_bmi270 import configure

            configure(i2c, address)
        for number, value, pause in entry[3]:
            i2c.writeto_mem(address, number, bytes([value]))
            time.sleep_ms(pause)
        return True
    except OSError as exc:
        if len(exc.args) > 1:
            # Not a chip that is absent, but one that lacks something: that is worth a line, once.
            tell("%s at 0x%02x: %s" % (name, address, exc.args[1]))
        return False
