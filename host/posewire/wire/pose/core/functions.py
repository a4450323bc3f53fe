"""The core's functions by name, and its source: what ``compiled`` compiles."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from posewire.wire.pose.core import (
    activity,
    delta_frame,
    entropy_decoder,
    entropy_encoder,
    model,
    prediction,
    quaternions,
    residual_decoder,
    residual_encoder,
    scales,
)

MODULES: tuple[ModuleType, ...] = (
    model,
    activity,
    prediction,
    residual_encoder,
    residual_decoder,
    entropy_encoder,
    entropy_decoder,
    delta_frame,
    scales,
    quaternions,
)


def functions() -> dict[str, Callable[..., Any]]:
    """All functions of the core."""
    return {
        name: value
        for module in MODULES
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__
    }


def names() -> dict[str, Any]:
    """All names that the core's functions use."""
    return {name: value for module in MODULES for name, value in vars(module).items() if not name.startswith("__")}


def source_digest(also: str) -> str:
    """Eight digits that change with any module of the core, and with the file ``also``."""
    digest = sha256()
    for file in (also, *(str(module.__file__) for module in MODULES)):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:8]
