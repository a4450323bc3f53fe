"""The two ways to run the core: on CPython's lists, or compiled on arrays (numba). The same bytes either way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from posewire.wire.pose.core import functions as core
from posewire.wire.pose.core.model import ACTIVITY_ROWS, ACTIVITY_WIDTH, DELTA, SCRATCH_ROWS, Model
from posewire.wire.pose.trained.symbol_tables import GROUPS, buckets, cumulative, symbol_lookup


class _Kernel:
    """The part that both kernels have in common."""

    functions: Any  # the core's, as attributes
    bucket: Any
    cumulative: Any
    symbols: Any

    def array(self, values: Any) -> Any:
        """Return a copy of integers in the kernel's form."""
        raise NotImplementedError

    def rows(self, values: Any) -> Any:
        """Return a copy of rows of equal length in the kernel's form."""
        raise NotImplementedError

    def model(
        self, landmarks: int, channels: int, order: Sequence[int], start: Sequence[Any], size: int, group: int
    ) -> Model:
        """Return a core's model (see there) with scratch memory for ``size`` values and a group of symbol tables."""
        return Model(
            landmarks=landmarks,
            channels=channels,
            order=self.array(order),
            start=self.rows(start),
            all_delta=self.array([DELTA] * landmarks),
            bucket=self.bucket,
            cumulative=self.cumulative[group],
            symbols=self.symbols[group],
            scratch=self.rows([[0] * size] * SCRATCH_ROWS),
            activity=self.rows([[0] * ACTIVITY_WIDTH] * ACTIVITY_ROWS),
        )


class ListKernel(_Kernel):
    """CPython and nothing else: integers are lists."""

    name = "plain"

    def __init__(self) -> None:
        self.functions = SimpleNamespace(**core.functions())
        self.bucket = buckets()
        self.cumulative = [cumulative(group) for group in range(GROUPS)]
        self.symbols = [symbol_lookup(group) for group in range(GROUPS)]

    def array(self, values: Any) -> Any:
        """Return a copy of integers in the kernel's form."""
        return values.tolist() if isinstance(values, np.ndarray) else list(values)

    def zeros(self, count: int) -> Any:
        """Return ``count`` zeros, to be written into."""
        return [0] * count

    def new_values(self, count: int) -> tuple[Any, Any, Any]:
        """Return memory for integers, scales and weights, all of which the core writes."""
        return [0] * count, [0] * count, [0] * count

    def rows(self, values: Any) -> Any:
        """Return a copy of rows of equal length in the kernel's form."""
        return [list(row) for row in values]

    def bytes_out(self, size: int) -> Any:
        """Return memory that the core writes bytes into."""
        return bytearray(size)

    def equal(self, a: Any, b: Any) -> bool:
        """Return whether two arrays hold the same integers."""
        return bool(a == b)

    def quantise(self, values: Any, scale: Any, limit: float, out: Any) -> bool:
        """Do the usual case of ``grid.quantise`` in one pass: False, since there is none here."""
        return False


class CompiledKernel(_Kernel):
    """The core compiled: integers are int64 arrays. Raises ``ImportError`` without numba (extra ``fast``)."""

    name = "compiled"

    def __init__(self) -> None:
        from posewire.wire.pose import compiled

        self.functions = compiled.FUNCTIONS
        self.quantise: Any = compiled.quantise
        self.bucket = np.frombuffer(buckets(), np.uint8)
        self.cumulative = [np.array(cumulative(group), np.int64) for group in range(GROUPS)]
        self.symbols = [np.frombuffer(symbol_lookup(group), np.uint8) for group in range(GROUPS)]

    def array(self, values: Any) -> Any:
        """Return a copy of integers in the kernel's form."""
        return np.array(values, np.int64)

    def zeros(self, count: int) -> Any:
        """Return ``count`` zeros, to be written into."""
        return np.zeros(count, np.int64)

    def new_values(self, count: int) -> tuple[Any, Any, Any]:
        """Return memory for integers, scales and weights, all of which the core writes."""
        return np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)

    def rows(self, values: Any) -> Any:
        """Return a copy of rows of equal length in the kernel's form."""
        return np.array(values, np.int64)

    def bytes_out(self, size: int) -> Any:
        """Return memory that the core writes bytes into."""
        return np.zeros(size, np.uint8)

    def equal(self, a: Any, b: Any) -> bool:
        """Return whether two arrays hold the same integers."""
        return bool(a.tobytes() == b.tobytes())


Kernel = ListKernel | CompiledKernel


@lru_cache(maxsize=3)
def kernel(compiled: bool | None) -> Kernel:
    """Return the compiled core, the one on lists, or (None) the compiled one where numba is installed.

    Raises ``ImportError`` where the compiled one is asked for and numba is not installed.
    """
    if compiled is False:
        return ListKernel()
    try:
        return CompiledKernel()
    except ImportError:
        if compiled:
            raise
        return ListKernel()
