"""What the loops over values run on: plain CPython, or compiled where numba is installed. The same bytes either way."""

from __future__ import annotations

from typing import Any

import numpy as np

from posewire.wire.pose import plain
from posewire.wire.pose.sets import buckets, cumulative, symbol_lookup


class PlainKernel:
    """CPython and numpy, nothing compiled: ``plain``."""

    name = "plain"

    def __init__(self) -> None:
        self.f: Any = plain
        self.bucket_in: Any = plain.wide_buckets()
        self.bucket: Any = np.frombuffer(self.bucket_in, np.uint8)
        self.cum: Any = [plain.symbols(g) for g in (0, 1)]
        self.lut: Any = [(cumulative(g), symbol_lookup(g)) for g in (0, 1)]

    def quantise(self, values: Any, scale: Any, limit: float, out: Any) -> bool:
        """The usual case of ``grid.quantise`` in one pass: not here."""
        return False

    def order(self, plan: list[int], marks: int, channels: int) -> Any:
        """A plan in the form that the functions take."""
        return plain.Order(plan, marks, channels)

    def bytes_out(self, size: int) -> Any:
        return bytearray(size)


class CompiledKernel:
    """The core compiled. Raises ``ImportError`` where numba is not installed (extra ``fast``)."""

    name = "compiled"

    def __init__(self) -> None:
        from posewire.wire.pose import compiled

        self.f: Any = compiled
        self.quantise: Any = compiled.quantise
        self.bucket: Any = np.frombuffer(buckets(), np.uint8)
        self.bucket_in: Any = self.bucket
        self.cum: Any = [np.array(cumulative(g), np.int64) for g in (0, 1)]
        self.lut: Any = [np.frombuffer(symbol_lookup(g), np.uint8) for g in (0, 1)]

    def order(self, plan: list[int], marks: int, channels: int) -> Any:
        """A plan in the form that the functions take."""
        return np.array(plan, np.int64)

    def bytes_out(self, size: int) -> Any:
        return np.zeros(size, np.uint8)


Kernel = PlainKernel | CompiledKernel


def kernel(compiled: bool | None) -> Kernel:
    """The compiled core, the plain one, or (None) the compiled one where it is installed."""
    if compiled is False:
        return PlainKernel()
    try:
        return CompiledKernel()
    except ImportError:
        if compiled:
            raise
        return PlainKernel()
