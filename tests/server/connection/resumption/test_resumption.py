"""Sessions that can be resumed."""

import asyncio

from posewire.server.connection.resumable_state import ResumableState
from posewire.server.state.shared_states import device_state, room_state
from posewire.voice.session import VoiceMemory
from server.connection.wired import Parts, room_action


async def test_a_kept_session_is_restored_once_and_to_its_device_only(parts: Parts) -> None:
    state = ResumableState("board", VoiceMemory())
    parts.resumption.keep("session", state, 60.0)
    assert parts.resumption.restore("session", "another") is None
    assert parts.resumption.is_kept("board")
    assert parts.resumption.restore("session", "board") is state
    assert parts.resumption.restore("session", "board") is None
    assert not parts.resumption.is_kept("board")


async def test_a_session_that_was_not_resumed_in_time_is_discarded_with_its_place_and_states(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.room.join(room_action("join"))
    parts.states.get(room_state("studio")).set({"light": 1})
    parts.states.get(device_state("board")).set({"things": 1})
    state = wire.handler.hand_over()
    wire.lose()
    parts.resumption.keep("session", state, 0.01)
    assert parts.rooms.rooms
    async with asyncio.timeout(5):
        while parts.resumption.is_kept("board"):
            await asyncio.sleep(0.005)
    assert parts.rooms.rooms == {}
    assert parts.states.value(room_state("studio")) == parts.states.value(device_state("board")) == {}


async def test_a_device_that_begins_anew_discards_what_was_kept_for_it(parts: Parts) -> None:
    parts.resumption.keep("first", ResumableState("board"), 60.0)
    parts.resumption.keep("second", ResumableState("board"), 60.0)
    parts.resumption.keep("third", ResumableState("another"), 60.0)
    parts.resumption.discard("board")
    assert [session for session, _, _ in parts.resumption.kept()] == ["third"]


async def test_the_seconds_that_are_left_are_known(parts: Parts) -> None:
    parts.resumption.keep("session", ResumableState("board"), 60.0)
    ((session, state, left),) = parts.resumption.kept()
    assert (session, state.device_id) == ("session", "board")
    assert 55 < left <= 60


async def test_a_session_that_is_still_open_is_taken_over(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.room.join(room_action("join"))
    member = wire.handler.room.member
    assert parts.resumption.restore(wire.handler.session_id, "another") is None
    state = parts.resumption.restore(wire.handler.session_id, "board")
    assert state is not None
    assert state.member is member
    assert wire.handler.room_name == ""
    wire.lose()
    assert parts.rooms.rooms["studio"].members, "the place belongs to the newer connection"
    assert list(parts.resumption.kept()) == []
