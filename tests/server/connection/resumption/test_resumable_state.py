"""The state of a session that outlives its connection."""

from server.connection.wired import Parts, room_action


async def test_it_holds_the_place_and_the_dialogue_but_not_the_connection(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.room.join(room_action("join", publish=["pose"]))
    wire.lose()
    ((_, state, _),) = parts.resumption.kept()
    assert (state.device_id, state.voice) == ("board", None)
    assert state.room is parts.rooms.rooms["studio"]
    assert state.member is not None
    assert state.room.members[state.member.member_id] is state.member
    assert state.member.link is None


async def test_a_session_in_no_room_has_neither_room_nor_member(parts: Parts) -> None:
    parts.greeted().lose()
    ((_, state, _),) = parts.resumption.kept()
    assert (state.room, state.member) == (None, None)
