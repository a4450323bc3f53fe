"""Caches: bounded by size and age, and counted."""

from hypothesis import given
from hypothesis import strategies as st

from posewire.server.state.cache_registry import Caches
from posewire.ttl_cache import TtlCache


def test_old_entries_are_not_there() -> None:
    now = [0.0]
    cache = TtlCache[str, int](10, 5.0, clock=lambda: now[0])
    cache.put("a", 1)
    now[0] = 4.9
    assert cache.get("a") == 1
    now[0] = 5.0
    assert cache.get("a") is None
    assert len(cache) == cache.size == 0


def test_a_full_cache_forgets_what_was_not_used_for_longest() -> None:
    cache = TtlCache[str, str](6, 60, len)
    cache.put("a", "xx")
    cache.put("b", "xx")
    cache.put("c", "xx")
    assert cache.get("a") == "xx"
    cache.put("d", "x")
    assert cache.get("b") is None
    assert cache.get("a") == "xx"
    cache.put("huge", "x" * 7)
    assert cache.get("huge") is None
    assert len(cache) == 3


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


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=40), st.integers(1, 8))
def test_the_bound_holds(entries: list[tuple[int, int]], limit: int) -> None:
    cache = TtlCache[int, int](limit, 60, int)
    for key, weight in entries:
        cache.put(key, weight)
        assert 0 <= cache.size <= limit
        assert cache.get(key) == (weight if weight <= limit else None)
