"""The caches in the metrics."""

from posewire.server.state.cache_registry import Caches
from posewire.ttl_cache import TtlCache


def test_caches_are_seen_from_outside() -> None:
    caches = Caches()
    cache = TtlCache[str, int](1, 60)
    caches.add("tts", cache)
    cache.put("a", 1)
    cache.get("a")
    cache.get("b")
    cache.put("b", 1)
    stats = dict(caches.counts())
    assert stats["cache_tts_hits"] == stats["cache_tts_misses"] == stats["cache_tts_dropped"] == 1
    cache.clear()
    assert dict(caches.sizes()) == {"cache_tts_entries": 0, "cache_tts_size": 0}
