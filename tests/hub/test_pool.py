"""The pool: connections by id, device and group, and nothing left of those that are gone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.hub.pool import ConnectionPool, Group
from support.hub_connection import NotingConnection

STUDIO, HALL = Group("room", "studio"), Group("room", "hall")


@given(st.lists(st.tuples(st.sampled_from("ajlr"), st.integers(0, 4), st.integers(0, 2)), max_size=60))
def test_no_trace_is_left_of_who_is_gone(steps: list[tuple[str, int, int]]) -> None:
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    for what, who, where in steps:
        name, group = str(who), Group("room", str(where))
        if what == "a":
            pool.add(name, NotingConnection(), f"device-{who % 2}")
        elif what == "j" and pool.get(name) is not None:
            pool.join(name, group)
        elif what == "l":
            pool.leave(name, group)
        elif what == "r":
            pool.remove(name)
        for known in pool.groups():
            assert pool.group(known)
            for member, connection in pool.group(known):
                assert pool.get(member) is connection
                assert known in pool.groups(member)
    for name, _ in pool.items():
        pool.remove(name)
    assert pool.groups() == []
    assert len(pool) == 0
    assert vars(pool) == {"_entries": {}, "_devices": {}, "_groups": {}}


def test_joining_needs_a_connection() -> None:
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    with pytest.raises(KeyError):
        pool.join("nobody", STUDIO)


def test_the_newest_connection_of_a_device_counts_and_the_one_before_is_returned() -> None:
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    older, newer = NotingConnection(), NotingConnection()
    assert pool.add("1", older, "board") is None
    assert pool.add("2", newer, "board") is older
    assert pool.device("board") is newer
    # It is gone by itself later, and takes nothing of the newer one with it.
    assert pool.remove("1", older)
    assert pool.device("board") is newer
    assert pool.device_of("2") == "board"
    assert (pool.device_of("1"), pool.device("another"), pool.get("1")) == ("", None, None)


def test_the_same_id_again_has_no_groups_and_the_older_one_cannot_remove_it() -> None:
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    older, newer = NotingConnection(), NotingConnection()
    pool.add("1", older)
    pool.join("1", HALL)
    assert pool.add("1", newer) is older
    assert (pool.group(HALL), pool.groups("1")) == ([], [])
    assert not pool.remove("1", older)
    assert pool.get("1") is newer
    # The same connection under the same id replaces nobody.
    assert pool.add("1", newer) is None


def test_a_group_lists_the_longest_standing_first() -> None:
    pool: ConnectionPool[NotingConnection] = ConnectionPool()
    lines = {name: NotingConnection() for name in "cab"}
    for name, line in lines.items():
        pool.add(name, line)
        pool.join(name, STUDIO)
        pool.join(name, STUDIO)
    pool.leave("a", STUDIO)
    pool.leave("a", STUDIO)
    assert pool.group(STUDIO) == [("c", lines["c"]), ("b", lines["b"])]
    assert list(pool) == list(lines.values())
