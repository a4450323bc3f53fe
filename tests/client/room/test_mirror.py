"""The mirror of a room: after any gap it asks for the whole, and is equal again."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from posewire.client.room.mirror import RoomMirror
from posewire.rooms.room import Room
from posewire.rooms.settings import RoomSettings
from posewire.wire.room_actions import Subscription
from support.room_link import NotingLink


def view(members: Any) -> list[tuple[int, str, str, bool]]:
    return sorted((m.member_id, m.device, m.role, m.link is None if hasattr(m, "link") else m.away) for m in members)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=30), st.sets(st.integers(0, 40)))
def test_whatever_is_lost_the_mirror_is_equal_in_the_end(steps: list[tuple[int, int]], lost: set[int]) -> None:
    room, mirror, link = Room("studio", RoomSettings()), RoomMirror(), NotingLink()
    me = room.join("me", frozenset(), Subscription(), link, messages=True)
    mirror.apply(link.events.pop(0))
    number = 0
    for index, (step, who) in enumerate(steps):
        others = [member for member in room.members.values() if member is not me]
        member = others[who % len(others)] if others else None
        match step:
            case 0 if not room.locked:
                room.join(f"board-{index}", frozenset(), Subscription(), NotingLink())
            case 1 if member is not None:
                room.leave(member)
            case 2 if member is not None:
                room.away(member)
            case 3 if member is not None:
                room.back(member, NotingLink())
            case 4:
                room.lock(me, not room.locked)
        while link.events:
            event, number = link.events.pop(0), number + 1
            if number not in lost and not mirror.apply(event):
                room.inform(me)  # what the client asks for
    # A ping's answer ends what nothing came after, and what was asked for in vain.
    if mirror.is_behind(room.version):
        room.inform(me)
        mirror.apply(link.events.pop())
    assert view(mirror.members.values()) == view(room.members.values())
    assert (mirror.locked, mirror.version) == (room.locked, room.version)


def test_a_change_that_the_whole_has_already_changes_nothing() -> None:
    room, mirror, link = Room("studio", RoomSettings()), RoomMirror(), NotingLink()
    me = room.join("me", frozenset(), Subscription(), link)
    room.join("b", frozenset(), Subscription(), NotingLink())
    late = link.events[-1]
    room.leave(room.members[2])
    room.inform(me)
    assert mirror.apply(link.events[-1])
    assert mirror.apply(late)
    assert list(mirror.members) == [1]
    assert mirror.gaps == 0


def test_a_host_that_numbers_nothing_is_followed() -> None:
    mirror = RoomMirror()
    member = {"member_id": 1, "device": "a", "role": "owner", "publish": []}
    assert mirror.apply({"event": "welcome", "locked": False, "members": [member]})
    assert mirror.apply({"event": "joined", "member": {**member, "member_id": 2, "role": "member"}})
    assert mirror.apply({"event": "locked", "locked": True})
    assert (sorted(mirror.members), mirror.locked, mirror.version) == ([1, 2], True, None)
