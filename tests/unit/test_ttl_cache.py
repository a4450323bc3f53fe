"""The cache with a size and an age."""

from hypothesis import given
from hypothesis import strategies as st

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


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=40), st.integers(1, 8))
def test_the_bound_holds(entries: list[tuple[int, int]], limit: int) -> None:
    cache = TtlCache[int, int](limit, 60, int)
    for key, weight in entries:
        cache.put(key, weight)
        assert 0 <= cache.size <= limit
        assert cache.get(key) == (weight if weight <= limit else None)


def test_a_cache_forgets_what_is_too_old_and_what_is_too_much() -> None:
    now = [0.0]
    cache: TtlCache[str, str] = TtlCache(5, 10, len, lambda: now[0])
    cache.put("a", "xx")
    cache.put("b", "yyy")
    assert (cache.get("a"), len(cache), cache.size) == ("xx", 2, 5)
    cache.put("c", "z")
    assert (cache.get("b"), cache.get("a"), cache.get("c")) == (None, "xx", "z")
    cache.put("d", "far too much")
    now[0] = 10.0
    assert (cache.get("d"), cache.get("a"), cache.get("c")) == (None, None, None)
    assert (cache.size, cache.counts.hits, cache.counts.dropped) == (0, 3, 3)
