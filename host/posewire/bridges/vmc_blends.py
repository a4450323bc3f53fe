"""Blend shapes: of the landmarks of a face, and of an avatar program, which a room gets as messages."""

import asyncio
import contextlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.client.room.room import Room
from posewire.errors import QueueFullError, WireError

_FIELD = "vmc_blends"
_MOST, _LONGEST = 200, 64
_EVERY = 1 / 15
"""Seconds from one message to the next, at least."""


class Blends:
    """Collects the values that a program sends, and says in the room what has changed, at most 15 times a second.

    The message is ``{"vmc_blends": {"Joy": 0.5}}``. While the host is away nothing is said.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._values: dict[str, float] = {}
        self._changed: dict[str, float] = {}
        self._due: asyncio.TimerHandle | None = None
        self._next = 0.0

    def set(self, values: list[Any]) -> None:
        """Take the arguments of a ``/VMC/Ext/Blend/Val``.

        Raises:
            WireError: they are no name and value, or there are too many names.
        """
        if len(values) < 2 or not isinstance(values[0], str) or len(values[0]) > _LONGEST or not _is_value(values[1]):
            raise WireError(f"/VMC/Ext/Blend/Val is a name and a number, not {values}")
        name, value = values[0], round(float(values[1]), 3)
        if name not in self._values and len(self._values) >= _MOST:
            raise WireError(f"there are {_MOST} blend shapes already")
        if self._values.get(name) != value:
            self._values[name] = self._changed[name] = value

    def apply(self) -> None:
        """Say what has changed, now or when it is time."""
        if self._changed and self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(max(0.0, self._next - loop.time()), self._say)

    def _say(self) -> None:
        self._due, self._next = None, asyncio.get_running_loop().time() + _EVERY
        if self._room.closed is None and self._room.is_welcome:
            with contextlib.suppress(QueueFullError):
                self._room.post({_FIELD: self._changed})
        self._changed = {}


def read_blends(data: Any) -> dict[str, float]:
    """Return the blend shapes of a message; of one that has none, or in another shape, nothing."""
    found = data.get(_FIELD) if isinstance(data, dict) else None
    if not isinstance(found, dict) or len(found) > _MOST:
        return {}
    return {name: float(value) for name, value in found.items() if isinstance(name, str) and _is_value(value)}


def _is_value(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def face_blends(face: NDArray[np.float32]) -> dict[str, float]:
    """Return how far the mouth is open and each eye closed, 0 to 1, by VRM's names for them."""

    def apart(a: int, b: int) -> float:
        return float(np.hypot(*(face[a, :2] - face[b, :2])))

    def share(value: float, nothing: float, full: float) -> float:
        part = (value - nothing) / (full - nothing)
        return 0.0 if math.isnan(part) else min(max(part, 0.0), 1.0)

    mouth = apart(13, 14) / max(apart(78, 308), 1e-6)
    right = apart(159, 145) / max(apart(33, 133), 1e-6)
    left = apart(386, 374) / max(apart(362, 263), 1e-6)
    return {"A": share(mouth, 0.05, 0.6), "Blink_L": share(left, 0.25, 0.08), "Blink_R": share(right, 0.25, 0.08)}
