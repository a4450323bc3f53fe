"""A cache with a bound on its size and on the age of its entries; the least recently used entry goes first."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


@dataclass
class CacheCounts:
    """The counts of a cache since it was made."""

    hits: int = 0
    misses: int = 0
    dropped: int = 0
    """Entries that made room for newer ones, or were too old."""


class TtlCache(Generic[_K, _V]):
    """Holds entries of at most ``limit`` in the sum of their ``size_of`` (default: one each), for ``ttl`` seconds."""

    def __init__(
        self,
        limit: int,
        ttl: float,
        size_of: Callable[[_V], int] = lambda _: 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts = CacheCounts()
        self.size = 0
        self._limit = limit
        self._ttl = ttl
        self._size_of = size_of
        self._clock = clock
        self._entries: OrderedDict[_K, tuple[float, _V]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def get(self, key: _K) -> _V | None:
        """Return the value of a key; None when there is none, or it is too old."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] <= self._clock():
            self._drop(key)
            entry = None
        if entry is None:
            self.counts.misses += 1
            return None
        self.counts.hits += 1
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: _K, value: _V) -> None:
        """Store a value; a value larger than the whole cache is not stored."""
        if key in self._entries:
            self.size -= self._size_of(self._entries.pop(key)[1])
        if self._size_of(value) > self._limit:
            return
        self._entries[key] = (self._clock() + self._ttl, value)
        self.size += self._size_of(value)
        while self.size > self._limit:
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()
        self.size = 0

    def _drop(self, key: _K) -> None:
        self.size -= self._size_of(self._entries.pop(key)[1])
        self.counts.dropped += 1
