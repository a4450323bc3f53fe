"""Saying a thing once, however often it happens in a short time."""

import time
from collections.abc import Callable, Hashable

QUIET = 10.0
"""Seconds without the thing after which it is said again."""


class Bursts:
    """``count = bursts.begins(key)``: how often the thing was left unsaid before, or None while a burst goes on."""

    def __init__(self, most: int = 1000, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._seen: dict[Hashable, tuple[float, int]] = {}

    def begins(self, key: Hashable) -> int | None:
        """Note that the thing happened. Only the ``most`` latest things are remembered."""
        now = self._clock()
        last, unsaid = self._seen.pop(key, (now - QUIET, 0))
        begins = now - last >= QUIET
        self._seen[key] = (now, 0 if begins else unsaid + 1)
        while len(self._seen) > self._most:
            del self._seen[next(iter(self._seen))]
        return unsaid if begins else None
