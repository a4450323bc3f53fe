"""The directory: rooms begin with their first member and end with their last one, or when nothing happens in them."""

from collections import Counter

import pytest

from posewire.errors import RoomError
from posewire.rooms.directory import RoomDirectory
from posewire.rooms.settings import RoomSettings
from posewire.wire.room_actions import RoomAction, Subscription
from support.room_link import NotingLink


def code_of(rooms: RoomDirectory, action: RoomAction) -> str:
    with pytest.raises(RoomError) as caught:
        rooms.join(action, "late", NotingLink())
    return caught.value.code


def test_a_room_lasts_from_its_first_member_to_its_last() -> None:
    rooms = RoomDirectory()
    room, first = rooms.join(RoomAction("join", "studio"), "a", NotingLink())
    same, second = rooms.join(RoomAction("join", "studio", open=False), "b", NotingLink())
    assert same is room
    (described,) = rooms.describe()
    assert (described["room"], described["members"], described["locked"]) == ("studio", 2, False)
    rooms.leave(room, first)
    assert [listed["members"] for listed in rooms.describe()] == [1]
    rooms.leave(room, second)
    assert rooms.describe() == []
    # A room of the same name is another one, which a late word about the first does not end.
    rooms.join(RoomAction("join", "studio"), "c", NotingLink())
    rooms.leave(room, second)
    assert len(rooms.describe()) == 1


def test_whoever_may_not_join_leaves_no_room_behind() -> None:
    rooms = RoomDirectory(RoomSettings(max_rooms=2, max_members=1))
    assert code_of(rooms, RoomAction("join", "studio", open=False)) == "no_such_room"
    rooms.join(RoomAction("create", "studio"), "a", NotingLink())
    assert code_of(rooms, RoomAction("create", "studio")) == "room_exists"
    assert code_of(rooms, RoomAction("join", "studio")) == "too_many"
    rooms.join(RoomAction("join", "hall"), "b", NotingLink())
    for verb in ("join", "create"):
        assert code_of(rooms, RoomAction(verb, "attic")) == "too_many"
    assert sorted(rooms.rooms) == ["hall", "studio"]


def test_a_kick_of_the_last_but_one_and_a_room_that_is_left_by_all() -> None:
    rooms = RoomDirectory()
    room, owner = rooms.join(RoomAction("join", "studio"), "a", NotingLink())
    out = NotingLink()
    _, guest = rooms.join(RoomAction("join", "studio"), "b", out)
    rooms.kick(room, owner, guest.member_id, "too loud")
    assert out.out
    assert out.events[-1] == {"type": "room", "event": "kicked", "room": "studio", "reason": "too loud"}
    assert list(rooms.rooms) == ["studio"]


def test_other_limits_hold_for_who_comes_and_not_for_who_is_there() -> None:
    rooms = RoomDirectory()
    for device in "abc":
        room, _ = rooms.join(RoomAction("join", "studio"), device, NotingLink())
    rooms.change_settings(RoomSettings(max_members=2, max_rooms=1))
    assert len(room.members) == 3
    assert code_of(rooms, RoomAction("join", "studio")) == "too_many"
    assert code_of(rooms, RoomAction("join", "hall")) == "too_many"


def test_a_restored_room_is_there_with_its_members_away() -> None:
    counters: Counter[str] = Counter()
    before, after = RoomDirectory(), RoomDirectory(counters=counters)
    room, _ = before.join(RoomAction("join", "studio", frozenset({"audio"})), "a", NotingLink())
    restored = after.restore("studio", room.as_dict())
    assert after.rooms == {"studio": restored}
    (member,) = restored.members.values()
    assert member.link is None
    # The host's own counters count for it.
    listener = NotingLink()
    after.join(RoomAction("join", "studio", subscribe=Subscription(frozenset({"audio"}))), "b", listener)
    restored.fan_out.publish_audio(member, b"x")
    assert (listener.payloads, counters["audio_out"]) == ([b"x"], 1)


def test_a_silent_room_is_closed_and_a_busy_one_is_not() -> None:
    rooms = RoomDirectory(RoomSettings(idle_timeout=60))
    silent, busy = NotingLink(), NotingLink()
    rooms.join(RoomAction("join", "silent"), "a", silent)
    room, publisher = rooms.join(RoomAction("join", "busy", frozenset({"audio"}), Subscription()), "b", busy)
    for now in (0.0, 30.0, 59.0):
        room.fan_out.publish_audio(publisher, b"x")
        assert rooms.close_idle(now) == []
    assert rooms.close_idle(61.0) == ["silent"]
    assert silent.out
    assert silent.events[-1]["event"] == "closed"
    assert list(rooms.rooms) == ["busy"]
    assert rooms.close_idle(119.5) == ["busy"]


def test_a_room_without_a_timeout_is_never_closed() -> None:
    rooms = RoomDirectory(RoomSettings(idle_timeout=0))
    rooms.join(RoomAction("join", "silent"), "a", NotingLink())
    rooms.close_idle(0.0)
    assert rooms.close_idle(1e9) == []
