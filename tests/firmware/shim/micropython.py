"""MicroPython's own module for CPython: viper functions run as plain Python on bounds-checked pointers.

Importing it also puts the names that MicroPython's compiler knows (``ptr8`` ...) into builtins, and the tick functions
into ``time``. What it cannot show is 32-bit overflow: that is what the runs on a real MicroPython are for.
"""

import builtins
import time
from collections.abc import Callable
from typing import Any


class _Pointer:
    """Little-endian unsigned units of a buffer, as viper sees them on a 64-bit port; out of bounds is an IndexError."""

    unit = 1

    def __init__(self, target: Any) -> None:
        self._view = target._view if isinstance(target, _Pointer) else memoryview(target).cast("B")

    def __int__(self) -> int:
        return 0  # an address, aligned

    def _slice(self, index: int) -> slice:
        start = index * self.unit
        if start < 0 or start + self.unit > len(self._view):
            raise IndexError(f"pointer of {self.unit} bytes at index {index}, the buffer has {len(self._view)}")
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
    return function


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
