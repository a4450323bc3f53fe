"""Fixed-point numbers, 16384 for 1.0, where numbers with a fraction would be objects on the heap."""

import math
from array import array

import micropython
from micropython import const

ONE = const(16384)


def sine_table():
    """A quarter of a sine in 256 steps, and one beyond for the interpolation."""
    return array("H", [round(math.sin(i * math.pi / 512) * ONE) for i in range(258)])


@micropython.viper
def sine(table, phase: int) -> int:
    """Of an angle in 65536ths of a turn."""
    t = ptr16(table)
    quarter = (phase >> 14) & 3
    p = phase & 16383
    if quarter & 1:
        p = 16384 - p
    low = int(t[p >> 6])
    value = low + (((int(t[(p >> 6) + 1]) - low) * (p & 63)) >> 6)
    if quarter & 2:
        return 0 - value
    return value


@micropython.viper
def put_float(values, index: int, value: int):
    """Write value / 16384 as the float32 at an index of values. |value| below 2^24."""
    q = ptr16(values)
    sign = 0
    if value < 0:
        sign = 0x8000
        value = 0 - value
    if value == 0:
        q[index * 2] = 0
        q[index * 2 + 1] = 0
        return
    exponent = 127 + 23 - 14
    while value < 0x800000:
        value <<= 1
        exponent -= 1
    q[index * 2] = value & 0xFFFF
    q[index * 2 + 1] = sign | (exponent << 7) | ((value >> 16) & 0x7F)


@micropython.viper
def put_missing(values, index: int):
    """Write "not a number" as the float32 at an index of values."""
    q = ptr16(values)
    q[index * 2] = 0
    q[index * 2 + 1] = 0x7FC0
