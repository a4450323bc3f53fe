"""Mirrors of a state: whatever is lost in between, a mirror is right or knows that it is not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.hub import SharedState, StateMirror
from posewire.hub import state as state_module
from posewire.hub.state import HISTORY, StateError
from support.json_objects import OBJECTS


@given(OBJECTS, st.lists(st.tuples(OBJECTS, st.booleans()), max_size=20))
def test_a_mirror_that_loses_messages_is_right_or_knows(start: dict[str, Any], steps: list[Any]) -> None:
    sent: list[dict[str, Any]] = []
    owner, mirror = SharedState("x", sent.append, start), StateMirror()
    assert mirror.apply(owner.whole())
    for value, lost in steps:
        owner.set(value)
        for message in sent if not lost else ():
            if not mirror.apply(message):
                for missed in owner.since(mirror.version):
                    assert mirror.apply(missed)
        sent.clear()
        if not lost and mirror.version == owner.version:
            assert mirror.value == owner.value
    for missed in owner.since(mirror.version):
        assert mirror.apply(missed)
    assert mirror.value == owner.value


def test_who_is_far_behind_gets_the_whole() -> None:
    owner = SharedState("x", version=1)
    for number in range(HISTORY + 1):
        owner.patch({"n": number})
    assert [message["base"] for message in owner.since(3)] == list(range(3, HISTORY + 2))
    assert owner.since(1) == owner.since(None) == owner.since(10_000) == [owner.whole()]
    assert owner.since(owner.version) == []


def test_a_patch_from_a_stale_base_is_refused_and_one_sent_twice_counts_once() -> None:
    owner = SharedState("x", version=1)
    assert owner.patch({"n": 1}, base=1, patch_id="p") == 2
    assert owner.patch({"n": 1}, base=1, patch_id="p") == 2
    with pytest.raises(StateError) as caught:
        owner.patch({"n": 9}, base=1, patch_id="q")
    assert caught.value.stale
    assert owner.value == {"n": 1}


def test_a_state_that_would_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "MAX_BYTES", 100)
    owner = SharedState("x")
    with pytest.raises(StateError, match="must have at most"):
        owner.patch({"text": "x" * 200})
    assert owner.value == {}


def test_a_new_owner_of_the_name_is_noticed() -> None:
    mirror = StateMirror()
    first = SharedState("x", value={"n": 1})
    mirror.apply(first.whole())
    sent: list[dict[str, Any]] = []
    second = SharedState("x", sent.append, {"n": 5}, version=first.version + 1000)
    second.patch({"m": 1})
    assert not mirror.apply(sent[0])


def test_the_patches_that_are_kept_are_no_longer_than_a_whole_state() -> None:
    owner = SharedState("x", value={"a": 0})
    for number in range(HISTORY * 2):
        owner.patch({"a": "x" * 10_000 + str(number)}, patch_id=str(number))
        assert owner.held_bytes <= 2 * state_module.MAX_BYTES
    assert owner.held_bytes > state_module.MAX_BYTES // 2
    version = owner.version
    # A patch is known by its id for as long as before, though its content is gone.
    assert owner.patch({"a": "again"}, patch_id=str(HISTORY * 2 - HISTORY)) == version
    mirror = StateMirror()
    assert mirror.apply(owner.since(version - 20)[0])
    assert mirror.value == owner.value


@pytest.mark.parametrize("deep", [{}, []])
def test_a_change_that_cannot_be_written_out_changes_nothing(deep: Any) -> None:
    for _ in range(200_000):  # from 3.14 on the C stack is the limit, and not a number of calls
        deep = {"a": deep} if isinstance(deep, dict) else [deep]
    sent: list[dict[str, Any]] = []
    owner = SharedState("x", sent.append, {"a": 1})
    version = owner.version
    for change in ({"a": deep}, {"a": {1, 2}}):
        with pytest.raises((RecursionError, TypeError)):
            owner.patch(change)
    assert (owner.value, owner.version, sent) == ({"a": 1}, version, [])
