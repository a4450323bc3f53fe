"""Caches with a bound on size and age, owned by the host's services and seen in its counters."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class TtlCache(Generic[_K, _V]):
    """Keeps what was used last. Full: the entry that was not used for longest goes; too old: it is not there.

    ``limit``: the greatest sum of what ``weigh`` says of the values (each weighs 1 unless told otherwise); a value that
    weighs more than that is not kept at all. ``ttl``: seconds; infinite unless told otherwise.
    """

    def __init__(
        self,
        limit: float,
        ttl: float = float("inf"),
        *,
        weigh: Callable[[_V], float] = lambda _: 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.hits = 0
        self.misses = 0
        self.evicted = 0
        self.size = 0.0
        """Sum of the weights."""
        self._limit = limit
        self._ttl = ttl
        self._weigh = weigh
        self._clock = clock
        self._entries: OrderedDict[_K, tuple[float, float, _V]] = OrderedDict()

    def get(self, key: _K) -> _V | None:
        """Return the value, or None when it is not there or too old."""
        entry = self._entries.get(key)
        if entry is not None and entry[0] <= self._clock():
            self.drop(key)
            entry = None
        if entry is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return entry[2]

    def put(self, key: _K, value: _V) -> None:
        """Keep a value, in place of an older one of the key."""
        self.drop(key)
        weight = self._weigh(value)
        if weight > self._limit:
            return
        self._entries[key] = self._clock() + self._ttl, weight, value
        self.size += weight
        while self.size > self._limit:
            self.drop(next(iter(self._entries)))
            self.evicted += 1

    def drop(self, key: _K) -> None:
        """Forget a key, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= entry[1]

    def clear(self) -> None:
        """Forget everything; the counts stay."""
        self._entries.clear()
        self.size = 0.0

    def __len__(self) -> int:
        return len(self._entries)


class Caches:
    """The caches of one host, by name."""

    def __init__(self) -> None:
        self._caches: dict[str, TtlCache[Any, Any]] = {}

    def add(self, name: str, cache: TtlCache[_K, _V]) -> TtlCache[_K, _V]:
        """Register a cache and return it; one of the same name is replaced."""
        self._caches[name] = cache
        return cache

    def stats(self) -> Iterator[tuple[str, float]]:
        """Yield ``cache_<name>_<hits|misses|evicted|entries|size>`` and its number, for counters and metrics."""
        for name, cache in self._caches.items():
            yield f"cache_{name}_hits", cache.hits
            yield f"cache_{name}_misses", cache.misses
            yield f"cache_{name}_evicted", cache.evicted
            yield f"cache_{name}_entries", len(cache)
            yield f"cache_{name}_size", cache.size

    def clear(self) -> None:
        """Empty all of them."""
        for cache in self._caches.values():
            cache.clear()
