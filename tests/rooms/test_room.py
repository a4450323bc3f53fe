"""A room: member ids, the owner's role, who is told what, and its way to disk and back."""

import base64
import json
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import RoomError
from posewire.rooms.member import Member, epoch_ms
from posewire.rooms.room import Room
from posewire.rooms.settings import RoomSettings
from posewire.wire.messages import AudioParams
from posewire.wire.room_actions import RoomKind, Subscription
from support.room_link import NotingLink

AUDIO: frozenset[RoomKind] = frozenset({"audio"})
NOTHING: frozenset[RoomKind] = frozenset()


def join(
    room: Room, device: str, publish: frozenset[RoomKind] = NOTHING, audio: AudioParams | None = None
) -> tuple[Member, NotingLink]:
    link = NotingLink()
    return room.join(device, publish, Subscription(), link, audio=audio), link


def code_of(error: pytest.ExceptionInfo[RoomError]) -> str:
    return error.value.code


@pytest.fixture
def room() -> Room:
    return Room("studio", RoomSettings(max_members=3))


# --- coming and going


def test_who_comes_is_welcomed_and_the_others_are_told(room: Room) -> None:
    first, first_link = join(room, "a")
    second, second_link = join(room, "b")
    assert first_link.story() == ["welcome", "joined"]
    (welcome,) = second_link.events
    assert (welcome["member_id"], welcome["role"], welcome["locked"]) == (2, "member", False)
    assert welcome["members"] == [first.describe(), second.describe()]
    room.leave(second)
    room.leave(second)
    assert first_link.story() == ["left"]


def test_a_room_says_since_when_it_is_and_who_did_something_last(room: Room) -> None:
    before = epoch_ms()  # the room is there already
    owner, link = join(room, "a")
    room.inform(owner)
    info = link.events[-1]
    (described,) = info["members"]
    assert before - 60_000 < info["created"] <= before + 1
    assert before - 1 <= described["joined"] <= epoch_ms() + 1
    assert described["last_active"] <= info["last_active"] + 1
    assert (info["event"], info["version"], info["locked"]) == ("info", room.version, False)
    owner.last_frames.append((monotonic() + 5, "pose", b""))  # a frame is a sign of life, too
    room.inform(owner)
    assert link.events[-1]["last_active"] >= described["last_active"] + 4000
    assert link.events[-1]["members"][0]["last_active"] >= described["last_active"] + 4000


def test_programs_are_told_since_when_others_are_here_and_boards_are_not(room: Room) -> None:
    board, program = NotingLink(), NotingLink()
    room.join("a", NOTHING, Subscription(), board)
    room.join("b", NOTHING, Subscription(), program, messages=True)
    join(room, "c")
    assert "joined" not in board.events[-1]["member"]
    assert "joined" in program.events[-1]["member"]
    assert all("joined" in member for member in program.events[0]["members"])
    assert "created" in program.events[0]
    assert "created" not in board.events[0]


def test_each_change_has_the_next_number_for_all_who_are_told(room: Room) -> None:
    owner, first = join(room, "a")
    member, second = join(room, "b")
    _, third = join(room, "c")
    room.lock(owner, True)
    room.away(member)
    room.back(member, second)
    room.welcome(member)
    room.pass_on(owner, member.member_id)
    room.kick(member, owner.member_id, "")
    for link in (first, second, third):
        versions = [event["version"] for event in link.events if "version" in event]
        assert versions == sorted(versions)
    numbers = [event["version"] for event in third.events if event["event"] != "welcome"]
    assert numbers == list(range(4, room.version + 1))
    assert second.events[-1]["version"] == room.version


def test_the_owners_role_goes_to_the_longest_standing(room: Room) -> None:
    (first, _), (second, second_link), (third, _) = (join(room, device) for device in "abc")
    room.leave(first)
    assert (second.role, third.role) == ("owner", "member")
    assert second_link.events[-1] == {
        "type": "room",
        "event": "role",
        "room": "studio",
        "version": 5,
        "member_id": 2,
        "role": "owner",
    }


@given(st.lists(st.integers(0, 3), max_size=40))
def test_two_members_never_have_one_id_and_one_of_them_owns_the_room(steps: list[int]) -> None:
    room = Room("studio", RoomSettings(max_members=255))
    for number, step in enumerate(steps):
        members = list(room.members.values())
        if step and members:
            room.leave(members[step % len(members)])
        else:
            join(room, f"board-{number}")
        assert [key == member.member_id for key, member in room.members.items()] == [True] * len(room.members)
        assert [member.role for member in room.members.values()].count("owner") == (1 if room.members else 0)


def test_a_member_id_is_not_given_again_at_once_and_the_numbers_end_at_255() -> None:
    room = Room("studio", RoomSettings(max_members=255))
    keeper, _ = join(room, "keeper")
    ids = []
    for number in range(255):
        member, _ = join(room, f"board-{number}")
        ids.append(member.member_id)
        room.leave(member)
    assert ids == [*range(2, 256), 2]
    assert keeper.member_id == 1


def test_a_full_room_takes_nobody_but_a_device_that_is_in_it(room: Room) -> None:
    for device in "abc":
        join(room, device)
    with pytest.raises(RoomError) as caught:
        join(room, "d")
    assert code_of(caught) == "too_many"
    again, _ = join(room, "a")
    assert (len(room.members), again.role) == (3, "owner")


def test_a_device_that_restarts_takes_its_own_place_even_in_a_locked_room(room: Room) -> None:
    owner, _ = join(room, "a")
    _, watcher = join(room, "b")
    room.lock(owner, True)
    watcher.story()
    again, _ = join(room, "a")
    assert [event["event"] for event in watcher.events] == ["left", "joined"]
    assert watcher.events[0]["reason"] == "replaced"
    assert again.role == "owner"
    assert again.member_id != owner.member_id
    with pytest.raises(RoomError) as caught:
        join(room, "c")
    assert code_of(caught) == "room_locked"


def test_who_is_away_keeps_its_place_and_is_announced_when_it_is_back(room: Room) -> None:
    _, watcher = join(room, "a")
    pcm, opus = AudioParams("pcm"), AudioParams("opus")
    member, _ = join(room, "b", AUDIO, pcm)
    watcher.story()
    room.away(member)
    room.away(member)
    assert watcher.story() == ["away"]
    assert member.describe()["away"] is True
    link = NotingLink()
    room.back(member, link, pcm)
    assert watcher.events[-1] == {
        "type": "room", "event": "back", "room": "studio", "version": 4, "member_id": 2, "audio": pcm.as_dict(),
    }  # fmt: skip
    assert link.events == []
    # Replaced before its loss was noticed: news only where its audio has changed.
    watcher.story()
    room.back(member, NotingLink(), pcm)
    assert watcher.story() == []
    room.back(member, NotingLink(), opus)
    assert watcher.story() == ["back"]


def test_a_room_that_is_closed_tells_everybody_why_and_has_nobody_left(room: Room) -> None:
    links = [join(room, device)[1] for device in "ab"]
    away, _ = join(room, "c")
    room.away(away)
    room.close("for the night")
    assert room.members == {}
    for link in links:
        assert link.out
        assert link.events[-1] == {"type": "room", "event": "closed", "room": "studio", "reason": "for the night"}


# --- what members may ask


def test_only_the_owner_may_and_not_with_nobody_or_itself(room: Room) -> None:
    owner, _ = join(room, "a")
    guest, _ = join(room, "b")
    for ask in (lambda: room.lock(guest, True), lambda: room.kick(guest, 1, ""), lambda: room.pass_on(guest, 2)):
        with pytest.raises(RoomError) as caught:
            ask()
        assert code_of(caught) == "not_owner"
    for ask in (lambda: room.kick(owner, 9, ""), lambda: room.pass_on(owner, 9), lambda: room.replay(owner, 9, 1)):
        with pytest.raises(RoomError) as caught:
            ask()
        assert code_of(caught) == "not_in_room"
    with pytest.raises(RoomError, match="cannot kick itself"):
        room.kick(owner, owner.member_id, "")


def test_who_is_kicked_is_told_first_and_cannot_come_again(room: Room) -> None:
    owner, owner_link = join(room, "a")
    guest, guest_link = join(room, "b")
    guest_link.story()
    owner_link.story()
    room.kick(owner, guest.member_id, "too loud")
    assert guest_link.out
    assert guest_link.story() == ["kicked"]
    assert owner_link.events[-1]["reason"] == "kicked"
    with pytest.raises(RoomError) as caught:
        join(room, "b")
    assert code_of(caught) == "room_denied"


def test_a_role_that_was_passed_on_is_the_others(room: Room) -> None:
    owner, _ = join(room, "a")
    guest, _ = join(room, "b")
    room.pass_on(owner, guest.member_id)
    assert (owner.role, guest.role) == ("member", "owner")
    room.lock(guest, True)
    assert room.locked


@given(st.lists(st.binary(max_size=30_000), max_size=12), st.integers(1, 100))
def test_a_replay_is_the_last_frames_in_parts_that_a_board_can_take(payloads: list[bytes], frames: int) -> None:
    room = Room("studio", RoomSettings())
    publisher, link = join(room, "a", AUDIO)
    for payload in payloads:
        room.fan_out.publish_audio(publisher, payload)
    kept = [payload for _, _, payload in publisher.last_frames]
    link.story()
    room.replay(publisher, publisher.member_id, frames)
    assert [event["end"] for event in link.events] == [False] * (len(link.events) - 1) + [True]
    sent = [frame for event in link.events for frame in event["frames"]]
    assert [base64.b64decode(frame["data"]) for frame in sent] == kept[-frames:]
    for event in link.events:
        # One frame may be longer than a part should be; two together are not.
        assert len(event["frames"]) <= 1 or sum(len(frame["data"]) for frame in event["frames"]) <= 24 * 1024


# --- to disk and back


def test_a_restored_room_is_as_it_was_with_everybody_away(room: Room) -> None:
    owner, _ = join(room, "a")
    guest, _ = join(room, "b", AUDIO, AudioParams("opus"))
    out, _ = join(room, "c")
    room.kick(owner, out.member_id, "")
    room.lock(owner, True)
    saved = json.loads(json.dumps(room.as_dict()))
    restored = Room("studio", RoomSettings())
    restored.restore(saved)
    assert restored.locked
    assert [member.describe() for member in restored.members.values()] == [
        {**member.describe(), "away": True} for member in (owner, guest)
    ]
    assert restored.as_dict() == room.as_dict()
    # Those who were thrown out stay out, and a number that was given is not given again at once.
    with pytest.raises(RoomError) as caught:
        join(restored, "c")
    assert code_of(caught) == "room_denied"
    restored.lock(restored.members[1], False)
    late, _ = join(restored, "d")
    assert late.member_id == 4
