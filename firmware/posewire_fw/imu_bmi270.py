"""The BMI270 measures nothing until it has been given Bosch's configuration: 8 KB, in a file on the board.

The file is not part of this project: tools/extract_bmi270.py takes it out of Bosch's own driver (BSD-3-Clause), see
docs/motion.md.
"""

import errno
import time

from micropython import const

FILE = "bmi270.bin"

_SIZE = const(8192)
_PIECE = const(32)
_POWER_CONF = const(0x7C)
_INIT_CTRL = const(0x59)
_INIT_ADDRESS = const(0x5B)
_INIT_DATA = const(0x5E)
_STATUS = const(0x21)
_TIMEOUT_MS = const(150)


def configure(i2c, address):
    """Load the configuration into the chip. Raises OSError with a text where the file or the chip will not do."""
    try:
        file = open(FILE, "rb")
    except OSError:
        raise OSError(errno.ENOENT, "it wants its configuration: put %s on the board (docs/motion.md)" % FILE)
    with file:
        i2c.writeto_mem(address, _POWER_CONF, b"\x00")
        time.sleep_ms(1)
        i2c.writeto_mem(address, _INIT_CTRL, b"\x00")
        place = bytearray(2)
        piece = bytearray(_PIECE)
        at = 0
        while True:
            count = file.readinto(piece)
            if not count:
                break
            # In words of two bytes: the low four bits first, then the rest.
            place[0] = at >> 1 & 15
            place[1] = at >> 5
            i2c.writeto_mem(address, _INIT_ADDRESS, place)
            i2c.writeto_mem(address, _INIT_DATA, memoryview(piece)[:count])
            at += count
    if at != _SIZE:
        raise OSError(errno.EINVAL, "%s has %d bytes, not %d" % (FILE, at, _SIZE))
    i2c.writeto_mem(address, _INIT_CTRL, b"\x01")
    begun = time.ticks_ms()
    while i2c.readfrom_mem(address, _STATUS, 1)[0] & 15 != 1:
        if time.ticks_diff(time.ticks_ms(), begun) > _TIMEOUT_MS:
            raise OSError(errno.ETIMEDOUT, "the chip does not take %s" % FILE)
        time.sleep_ms(5)
