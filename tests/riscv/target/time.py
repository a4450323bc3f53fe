"""The part of MicroPython's time that this port leaves out, by the machine's clock. Allocates nothing."""

import micropython

# Numbers up to this take no memory.
_MASK = 0x3FFFFFFF


@micropython.viper
def _ticks(divisor: int) -> int:
    # The lower word of the clock of 10 MHz (mtime). It would wrap after 429 s, when every program has ended.
    clock = ptr32(0x0200BFF8)
    return int(uint(clock[0]) >> 1) // divisor


def ticks_us():
    return _ticks(5)


def ticks_ms():
    return _ticks(5000)


def ticks_add(ticks, delta):
    return ticks + delta & _MASK


def ticks_diff(end, start):
    diff = end - start & _MASK
    return diff if diff <= _MASK >> 1 else diff - _MASK - 1


def time():
    return _ticks(5000) // 1000


def sleep_ms(count):
    start = _ticks(5000)
    while _ticks(5000) - start < count:
        pass


def sleep_us(count):
    start = _ticks(5)
    while _ticks(5) - start < count:
        pass
