"""The place of one connection in a room."""

from dataclasses import replace

import pytest

from posewire.errors import RoomError, WireError
from posewire.identity.principal import Principal
from posewire.rooms.frame import RoomFrame
from posewire.server.state.shared_states import room_state
from posewire.wire.frames import FrameType, build_frame
from server.connection.wired import LOCAL, Parts, audio, room_action


async def test_joining_enters_the_room_and_its_group(parts: Parts) -> None:
    wire = parts.greeted()
    link = wire.handler.room
    assert (link.name, wire.handler.room_name) == ("", "")
    link.join(room_action("join"))
    assert (link.name, wire.handler.room_name) == ("studio", "studio")
    assert [(group.kind, group.name) for group in parts.hub.pool.groups(wire.handler.session_id)] == [
        ("room", "studio")
    ]
    assert wire.messages("room")[0]["event"] == "welcome"


async def test_leaving_drops_the_room_its_group_and_its_state(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.room.join(room_action("join"))
    parts.states.get(room_state("studio")).set({"light": 1})
    wire.handler.room.leave()
    assert (parts.rooms.rooms, parts.hub.pool.groups()) == ({}, [])
    assert parts.states.value(room_state("studio")) == {}
    wire.handler.room.leave()  # there is none: nothing happens


async def test_who_joins_another_room_leaves_the_first_and_stays_where_the_other_is_closed(parts: Parts) -> None:
    owner, guest = parts.greeted("owner"), parts.greeted("guest")
    owner.handler.room.join(room_action("join", "locked"))
    owner.handler.room.handle(room_action("lock", "locked"))
    guest.handler.room.join(room_action("join", "studio"))
    with pytest.raises(RoomError, match="locked"):
        guest.handler.room.join(room_action("join", "locked"))
    assert guest.handler.room_name == "studio"
    guest.handler.room.join(room_action("join", "hall"))
    assert guest.handler.room_name == "hall"
    assert set(parts.rooms.rooms) == {"locked", "hall"}


async def test_joining_once_more_takes_no_second_place(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.room.join(room_action("join"))
    wire.handler.room.join(room_action("join"))
    assert [member.device for member in parts.rooms.rooms["studio"].members.values()] == ["board"]
    assert wire.handler.room_name == "studio"
    assert len(parts.hub.pool.groups(wire.handler.session_id)) == 1


async def test_actions_of_members_want_a_room(parts: Parts) -> None:
    link = parts.greeted().handler.room
    for action in ("lock", "kick", "replay", "subscribe"):
        with pytest.raises(WireError) as caught:
            link.handle(room_action(action, member_id=1, subscribe=[]))
        assert caught.value.code == "not_in_room"
    with pytest.raises(WireError):
        link.publish_pose(b"", 0)
    link.publish_audio(b"")  # audio of a device in no room is for the host alone


async def test_an_owner_passes_its_role_on_and_kicks(parts: Parts) -> None:
    owner, guest = parts.greeted("owner"), parts.greeted("guest")
    owner.handler.room.join(room_action("join"))
    guest.handler.room.join(room_action("join"))
    with pytest.raises(RoomError):
        guest.handler.room.handle(room_action("kick", member_id=1))
    owner.handler.room.handle(room_action("role", member_id=2))
    guest.handler.room.handle(room_action("kick", member_id=1, reason="bye"))
    assert owner.messages("room")[-1]["reason"] == "bye"
    assert (owner.handler.room_name, guest.handler.room_name) == ("", "studio")
    assert parts.hub.pool.groups(owner.handler.session_id) == []


async def test_frames_that_a_protocol_cannot_carry_are_refused(parts: Parts) -> None:
    plain = parts.connect("plain", protocol=1)
    plain.hello(version=1)
    with pytest.raises(WireError, match="protocol 1"):
        plain.handler.room.join(room_action("join", subscribe=["audio"]))
    without_pose = parts.greeted("no pose", features={})
    with pytest.raises(WireError, match="pose"):
        without_pose.handler.room.join(room_action("join", publish=["pose"]))
    assert parts.rooms.rooms == {}


@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_frame_has_the_form_of_the_receivers_protocol_and_is_made_once(parts: Parts, protocol: int) -> None:
    wires = [parts.connect(name, protocol=protocol) for name in ("first", "second")]
    for wire in wires:
        wire.hello(version=protocol)
        wire.handler.room.join(room_action("join", subscribe=["audio"]))
    for wire in wires:
        wire.received()
    frame = RoomFrame("audio", b"abc", 9)
    assert wires[0].handler.room.send_room_frame(frame)
    made = frame.framed_2 or frame.framed_3
    assert wires[1].handler.room.send_room_frame(frame)
    assert (frame.framed_2 or frame.framed_3) is made
    for wire in wires:
        assert wire.received() == [build_frame(FrameType.AUDIO, b"abc", protocol, 9)]


async def test_a_frame_is_left_out_where_it_is_too_long_and_waits_where_the_peer_is_slow(parts: Parts) -> None:
    wire = parts.greeted(device={"max_message": 1024})
    link = wire.handler.room
    link.join(room_action("join", subscribe=["audio"]))
    wire.received()
    assert link.send_room_frame(RoomFrame("audio", bytes(1025), 1))
    assert wire.received() == []
    assert parts.counters["room_frames_too_long"] == 1
    wire.transport.stuck = True
    small = RoomFrame("audio", bytes(500), 1)
    while link.send_room_frame(small):
        pass
    assert link.congested
    assert link.send_room_frame(small, always=True)
    assert all(message == audio(bytes(500), member_id=1) for message in wire.received())
    assert not link.congested


async def test_a_place_is_resumed_where_it_is_still_there_and_the_token_allows_it(parts: Parts) -> None:
    for scopes, found in ((frozenset({"room.*"}), "studio"), (frozenset({"voice"}), ""), (LOCAL.scopes, "studio")):
        lost = parts.greeted()
        lost.handler.room.join(room_action("join", publish=["audio"]))
        session = lost.handler.session_id
        lost.lose()
        member = next(iter(parts.rooms.rooms["studio"].members.values()))
        assert member.link is None
        back = parts.connect(principal=Principal("person", "ann", scopes))
        back.hello(resume=session)
        assert back.handler.room_name == found
        assert (member.link is back.handler.room) == bool(found)
        assert bool(parts.rooms.rooms) == bool(found)
        back.leave()


async def test_a_place_that_was_given_to_nobody_else_is_lost_with_its_room(parts: Parts) -> None:
    owner, guest = parts.greeted("owner"), parts.greeted("guest")
    owner.handler.room.join(room_action("join"))
    guest.handler.room.join(room_action("join"))
    session = guest.handler.session_id
    guest.lose()
    owner.handler.room.handle(room_action("kick", member_id=2))
    back = parts.connect("guest")
    assert back.hello(resume=session)["resumed"] is True
    assert back.handler.room_name == ""


async def test_the_place_of_a_restarted_device_is_given_up_when_it_joins_anew(parts: Parts) -> None:
    lost = parts.greeted()
    lost.handler.room.join(room_action("join"))
    lost.lose()
    assert parts.resumption.is_kept("board")
    parts.greeted().handler.room.join(room_action("join", "hall"))
    assert not parts.resumption.is_kept("board")
    assert set(parts.rooms.rooms) == {"hall"}


async def test_a_closed_room_lets_its_members_go(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.room.join(room_action("join"))
    parts.rooms.settings = replace(parts.rooms.settings, idle_timeout=1.0)
    assert parts.rooms.close_idle(0.0) == []
    assert parts.rooms.close_idle(10.0) == ["studio"]
    assert wire.messages("room")[-1]["event"] == "closed"
    assert wire.handler.room_name == ""
