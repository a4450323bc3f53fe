"""The log of a room's messages: bounded, and a message is passed on once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posewire.rooms.message_log import MessageLog


def said(log: MessageLog, member_id: int, to: int = 0, size: int = 10) -> int:
    log.last += 1
    log.add(member_id, to, {"number": log.last, "member_id": member_id}, size)
    return log.last


def test_who_was_away_gets_what_others_said_to_it() -> None:
    log = MessageLog()
    after = said(log, 1)
    said(log, 1)
    said(log, 1, to=2)
    said(log, 1, to=3)
    said(log, 2)
    events, missed = log.since(after, 2)
    assert [event["number"] for event in events] == [2, 3]
    assert missed == 0


def test_what_is_no_longer_kept_is_counted() -> None:
    log = MessageLog()
    for _ in range(150):
        said(log, 1)
    events, missed = log.since(20, 2)
    assert [event["number"] for event in events] == list(range(51, 151))
    assert missed == 30


@given(st.lists(st.integers(1, 16 * 1024), max_size=60))
def test_bytes_are_bounded(sizes: list[int]) -> None:
    log = MessageLog()
    for size in sizes:
        said(log, 1, size=size)
        assert log.held_bytes <= 128 * 1024


def test_a_number_that_was_heard_is_answered_as_before() -> None:
    log = MessageLog()
    assert log.answer("a", 7) is None
    log.heard("a", 7, 3)
    log.heard("a", 9, 2)
    assert (log.answer("a", 7), log.answer("a", 9), log.answer("a", 8)) == (3, 2, 0)
    assert log.answer("a", 10) is None
    assert log.answer("b", 7) is None


def test_numbers_outlive_the_process() -> None:
    log, later = MessageLog(), MessageLog()
    said(log, 1)
    log.heard("a", 7, 3)
    later.restore(log.as_dict())
    assert later.last == 1
    assert later.answer("a", 7) == 0
    assert later.answer("a", 8) is None
