"""The core compiled with numba (extra ``fast``): the same source, so the same bytes.

Compiling takes seconds, once for a machine: numba keeps the machine code beside the source, or in the user's cache
directory (``NUMBA_CACHE_DIR`` names another). ``warm`` does it where nobody waits.
"""

from __future__ import annotations

from types import FunctionType, SimpleNamespace
from typing import Any, Literal

import numba
import numpy as np

from posewire.wire.pose.core import functions as core

# Called for each value: a call takes a sixth of a frame. To inline more makes compiling longer and frames no faster.
_INLINED = ("read_symbol",)


def _jit(function: Any) -> Any:
    inline: Literal["always", "never"] = "always" if function.__name__ in _INLINED else "never"
    try:
        return numba.njit(function, cache=True, nogil=True, inline=inline)
    except RuntimeError:  # no directory to keep it in: then each process compiles
        return numba.njit(function, nogil=True, inline=inline)


def _compile_core() -> SimpleNamespace:
    """Copies of the core's functions that call each other's compiled versions.

    Numba keeps machine code by a function's name and its file's date, and does not see that a function called from
    another file has changed: the digest of all sources in the name does.
    """
    names = core.names()
    digest = core.source_digest(__file__)
    for name, function in core.functions().items():
        assert isinstance(function, FunctionType)
        copy = FunctionType(function.__code__, names, name, function.__defaults__)
        copy.__module__, copy.__qualname__ = function.__module__, f"{name}_{digest}"
        names[name] = _jit(copy)
    return SimpleNamespace(**{name: names[name] for name in core.functions()})


FUNCTIONS = _compile_core()


@_jit
def quantise(values: Any, scale: Any, limit: float, out: Any) -> bool:
    """``grid.quantise`` of finite float32 values; False when one is not."""
    channels = len(scale)
    for first in range(0, len(values), channels):
        for channel in range(channels):
            value = float(values[first + channel]) * scale[channel]
            if not np.isfinite(value):
                return False
            size = np.floor(abs(value) + 0.5)
            if size > limit:
                size = limit
            out[first + channel] = -int(size) if value < 0 else int(size)
    return True
