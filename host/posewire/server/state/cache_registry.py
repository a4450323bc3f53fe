"""The caches of one host, by name: owned here, seen in its counters."""

from collections.abc import Iterator
from typing import Any

from posewire.ttl_cache import TtlCache


class Caches:
    """Registers caches, and yields their numbers."""

    def __init__(self) -> None:
        self._caches: dict[str, TtlCache[Any, Any]] = {}

    def add(self, name: str, cache: TtlCache[Any, Any]) -> None:
        """Register a cache; one of the same name is replaced."""
        self._caches[name] = cache

    def counts(self) -> Iterator[tuple[str, int]]:
        """Yield ``cache_<name>_<hits|misses|dropped>`` and its number since the start."""
        for name, cache in self._caches.items():
            yield f"cache_{name}_hits", cache.counts.hits
            yield f"cache_{name}_misses", cache.counts.misses
            yield f"cache_{name}_dropped", cache.counts.dropped

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Yield ``cache_<name>_<entries|size>`` and its number now."""
        for name, cache in self._caches.items():
            yield f"cache_{name}_entries", len(cache)
            yield f"cache_{name}_size", cache.size
