"""MicroPython's own module for CPython: viper functions run as plain Python on bounds-checked pointers.

Importing it also puts the names that MicroPython's compiler knows (``ptr8`` ...) into builtins, and the tick functions
into ``time``. What it cannot show is 32-bit overflow: that is what the runs on a real MicroPython are for.
"""

import builtins
import time
from collections.abc import Callable
from typing import Any

import numpy as np

# Addresses: each buffer that a pointer was made of has so many of its own. A few of the latest are known.
_REGION = 1 << 36
_MIDDLE = _REGION // 2  # a pointer may stand before its buffer for a moment
_KNOWN = 64
_regions: dict[int, memoryview] = {}
_bases: dict[tuple[int, int], int] = {}


def _region(target: Any) -> int:
    """The address of a buffer. As long as it is known its memory is held, so that nothing else can be there."""
    view = memoryview(target).cast("B")
    place = (np.frombuffer(view, np.uint8).ctypes.data if view.nbytes else 0, view.nbytes)
    if place not in _bases:
        base = max(_regions, default=0) + _REGION
        _bases[place], _regions[base] = base, view
        if len(_bases) > _KNOWN:
            oldest = next(iter(_bases))
            del _regions[_bases.pop(oldest)]
    return _bases[place] + _MIDDLE


class _Pointer:
    """Little-endian unsigned units of a buffer, as viper sees them on a 64-bit port; out of bounds is an IndexError.

    Of another pointer, or of an address (int() of a pointer, and what was added to it), it points into the same buffer.
    """

    unit = 1

    def __init__(self, target: Any) -> None:
        address = int(target) if isinstance(target, int | _Pointer) else _region(target)
        self._base = address // _REGION * _REGION
        self._offset = address - self._base - _MIDDLE
        self._view = _regions[self._base]

    def __int__(self) -> int:
        return self._base + _MIDDLE + self._offset

    def _slice(self, index: int) -> slice:
        start = self._offset + index * self.unit
        if start < 0 or start + self.unit > len(self._view):
            raise IndexError(f"pointer of {self.unit} bytes at byte {start}, the buffer has {len(self._view)}")
        return slice(start, start + self.unit)

    def __getitem__(self, index: int) -> int:
        return int.from_bytes(self._view[self._slice(index)], "little")

    def __setitem__(self, index: int, value: int) -> None:
        self._view[self._slice(index)] = (value & ((1 << 8 * self.unit) - 1)).to_bytes(self.unit, "little")


class Ptr8(_Pointer):
    unit = 1


class Ptr16(_Pointer):
    unit = 2


class Ptr32(_Pointer):
    unit = 4


def uint(value: int) -> int:
    return value & 0xFFFFFFFFFFFFFFFF


def const(value: Any) -> Any:
    return value


def viper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Arguments that are said to be pointers become pointers."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    casts = [function.__annotations__.get(name) for name in names]
    pointers = [cast if isinstance(cast, type) and issubclass(cast, _Pointer) else None for cast in casts]
    if not any(pointers):
        return function

    def call(*arguments: Any) -> Any:
        return function(*(cast(value) if cast else value for cast, value in zip(pointers, arguments, strict=True)))

    return call


def native(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


for _name, _value in {"ptr8": Ptr8, "ptr16": Ptr16, "ptr32": Ptr32, "uint": uint}.items():
    setattr(builtins, _name, _value)

_PERIOD = 1 << 30


def _ticks_diff(end: int, start: int) -> int:
    return ((end - start + _PERIOD // 2) & (_PERIOD - 1)) - _PERIOD // 2


for _name, _value in {
    "ticks_ms": lambda: time.monotonic_ns() // 1_000_000 & (_PERIOD - 1),
    "ticks_us": lambda: time.monotonic_ns() // 1_000 & (_PERIOD - 1),
    "ticks_add": lambda ticks, delta: (ticks + delta) & (_PERIOD - 1),
    "ticks_diff": _ticks_diff,
    "sleep_ms": lambda milliseconds: time.sleep(milliseconds / 1000),
}.items():
    setattr(time, _name, _value)
