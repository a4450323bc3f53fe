"""Viper functions on a processor for which MicroPython has no compiler (64-bit ARM): the same code, run as bytecode.

The files were copied with each viper decorator replaced by viper_cast(), which does what the annotations of the
parameters say. It is slower by an order of magnitude, and it allocates; the results are the same.
"""

import builtins

import uctypes

# What may lie behind an address: no buffer of the firmware is larger.
_FAR = 65536
# The widest item that a buffer can have, in bytes: what lies behind the end of a buffer is not guarded, as in viper.
_WIDEST = 8


def ptr8(buf):
    """buf: a buffer, or an address."""
    if isinstance(buf, int):
        return uctypes.bytearray_at(buf, _FAR)
    return uctypes.bytearray_at(uctypes.addressof(buf), len(buf) * _WIDEST)


def ptr16(buf):
    return _words(buf, 2, uctypes.UINT16)


def ptr32(buf):
    return _words(buf, 4, uctypes.UINT32)


def uint(value):
    return value & 0xFFFFFFFFFFFFFFFF


def viper_int(value):
    """A machine word with a sign; of a pointer, its address."""
    if not isinstance(value, int):
        return uctypes.addressof(value)
    value &= 0xFFFFFFFFFFFFFFFF
    return value - 0x10000000000000000 if value >> 63 else value


def viper_cast(*casts):
    """Decorate a function: cast its arguments as named ("ptr8", "ptr16", "ptr32", "uint" or "")."""
    known = {"ptr8": ptr8, "ptr16": ptr16, "ptr32": ptr32, "uint": uint}
    fns = [known.get(name) for name in casts]

    def decorate(fn):
        def call(*arguments):
            return fn(*[cast(value) if cast else value for cast, value in zip(fns, arguments)])

        return call

    return decorate


def _words(buf, size, kind):
    address = buf if isinstance(buf, int) else uctypes.addressof(buf)
    count = (_FAR if isinstance(buf, int) else len(buf) * _WIDEST) // size
    layout = {"words": (uctypes.ARRAY | 0, kind | count)}
    return uctypes.struct(address, layout, uctypes.LITTLE_ENDIAN).words


builtins.ptr8 = ptr8
builtins.ptr16 = ptr16
builtins.ptr32 = ptr32
builtins.uint = uint
builtins.viper_cast = viper_cast
builtins.viper_int = viper_int
