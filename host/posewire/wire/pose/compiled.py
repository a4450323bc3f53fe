"""The core compiled with numba (extra ``fast``): the same source as the reference, so the same bytes.

Compiling takes seconds, once for a machine: numba keeps the machine code beside the source, or in the user's cache
directory (``NUMBA_CACHE_DIR`` names another). ``warm`` does it where nobody waits.
"""

from __future__ import annotations

import types
from typing import Any

import numba
import numpy as np

from posewire.wire.pose import core


def _compile(name: str, names: dict[str, Any]) -> Any:
    """``core.name`` as machine code, calling the compiled versions of what it calls."""
    plain = getattr(core, name)
    copy = types.FunctionType(plain.__code__, names, name, plain.__defaults__)
    return _jit(copy)


def _jit(function: Any) -> Any:
    try:
        return numba.njit(function, cache=True, nogil=True)
    except RuntimeError:  # no directory to keep it in: then each process compiles
        return numba.njit(function, nogil=True)


FUNCTIONS = (
    "activity",
    "start_activity",
    "predict",
    "model_encode",
    "rans_encode",
    "model_decode",
    "pick_mode",
    "extrapolate",
    "pack",
    "unpack",
    "rescale",
    "gain_of",
    "apply_gain",
    "rescale_scale",
    "root",
    "quat_drop",
    "quat_prepare",
    "quat_reference",
    "quat_restore",
)


def _compile_all() -> dict[str, Any]:
    names: dict[str, Any] = dict(vars(core))
    for name in FUNCTIONS:
        names[name] = _compile(name, names)
    return names


_NAMES = _compile_all()
model_encode = _NAMES["model_encode"]
rans_encode = _NAMES["rans_encode"]
model_decode = _NAMES["model_decode"]
pick_mode = _NAMES["pick_mode"]
extrapolate = _NAMES["extrapolate"]
pack = _NAMES["pack"]
unpack = _NAMES["unpack"]
rescale = _NAMES["rescale"]
rescale_scale = _NAMES["rescale_scale"]
quat_prepare = _NAMES["quat_prepare"]
quat_reference = _NAMES["quat_reference"]
quat_restore = _NAMES["quat_restore"]
gain_of = _NAMES["gain_of"]
apply_gain = _NAMES["apply_gain"]


@_jit
def quantise(values: Any, scale: Any, limit: float, out: Any) -> bool:
    """``grid.quantise`` of finite float32 values; False when one is not."""
    channels = len(scale)
    for q in range(len(values)):
        v = float(values[q]) * scale[q % channels]
        if not np.isfinite(v):
            return False
        m = np.floor(abs(v) + 0.5)
        if m > limit:
            m = limit
        out[q] = -int(m) if v < 0 else int(m)
    return True
