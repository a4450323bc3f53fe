"""One connection: from its hello to its end."""

import asyncio
import time
from dataclasses import replace

import pytest

from posewire.identity.principal import Principal
from posewire.wire.frames import FrameType, build_frame
from server.connection.wired import Parts, room_action

BOARD = Principal("device", "board", frozenset({"voice", "room.*"}), device_id="board")


async def test_hello_is_answered_with_what_both_sides_agreed_on(parts: Parts) -> None:
    wire = parts.connect()
    answer = wire.hello(audio_params={"format": "pcm", "sample_rate": 24000, "channels": 1, "frame_duration": 20})
    assert answer["session_id"] == wire.handler.session_id
    assert answer["version"] == 3
    assert answer["features"] == {"pose": True}
    assert answer["audio_params"] == {"format": "pcm", "sample_rate": 24000, "channels": 1, "frame_duration": 20}
    assert "resumed" not in answer


async def test_no_hello_in_time_ends_the_connection(parts: Parts) -> None:
    parts.settings = replace(parts.settings, hello_timeout=0.01)
    late, early = parts.connect("late"), parts.connect("early")
    early.hello()
    async with asyncio.timeout(5):
        while late.close_code is None:
            await asyncio.sleep(0.005)
    assert late.close_code == 1002
    assert early.close_code is None


async def test_a_lost_session_is_resumed_by_its_device_only(parts: Parts) -> None:
    lost = parts.greeted()
    lost.handler.room.join(room_action("join", publish=["pose"]))
    session = lost.handler.session_id
    lost.lose()
    assert "resumed" not in parts.connect("another").hello(resume=session)
    wire = parts.connect()
    wire.send(type="hello", version=3, transport="websocket", features={"pose": True}, resume=session)
    hello, welcome = wire.messages()
    assert (hello["session_id"], hello["resumed"]) == (session, True)
    assert (welcome["event"], welcome["member_id"]) == ("welcome", 1)
    assert wire.handler.room_name == "studio"
    assert parts.registry.session(session) is wire.handler


async def test_a_session_that_is_still_open_is_handed_over(parts: Parts) -> None:
    older = parts.greeted()
    older.handler.room.join(room_action("join"))
    answer = parts.connect().hello(resume=older.handler.session_id)
    assert answer["resumed"] is True
    assert older.close_code == 4000
    older.lose()
    room = parts.rooms.rooms["studio"]
    assert [member.link is not None for member in room.members.values()] == [True]


async def test_a_device_that_restarts_owns_its_locked_room_however_long_the_old_connection_takes_to_close(
    parts: Parts,
) -> None:
    older, guest = parts.greeted(), parts.greeted("guest")
    older.handler.room.join(room_action("join"))
    guest.handler.room.join(room_action("join"))
    older.handler.room.handle(room_action("lock"))
    newer = parts.connect()
    assert "resumed" not in newer.hello()
    assert older.close_code == 4000
    older.lose()
    newer.handler.room.join(room_action("join"))
    room = parts.rooms.rooms["studio"]
    assert [(member.device, member.role) for member in room.members.values()] == [
        ("guest", "member"),
        (newer.handler.device_id, "owner"),
    ]
    assert list(parts.resumption.kept()) == []


async def test_a_device_that_restarts_without_joining_gives_its_place_up_in_time(parts: Parts) -> None:
    parts.settings = replace(parts.settings, resume_window=0.01)
    older = parts.greeted()
    older.handler.room.join(room_action("join"))
    parts.connect().hello()
    older.lose()
    async with asyncio.timeout(5):
        while parts.rooms.rooms:
            await asyncio.sleep(0.005)
    assert list(parts.resumption.kept()) == []


@pytest.mark.parametrize("how", ["goodbye", "normal close", "anonymous", "no hello"])
async def test_nothing_is_kept_of_a_session_that_is_over(parts: Parts, how: str) -> None:
    wire = parts.connect(anonymous=how == "anonymous")
    if how != "no hello":
        wire.hello()
        wire.handler.room.join(room_action("join"))
    if how == "goodbye":
        wire.send(type="goodbye")
    if how == "normal close":
        wire.leave()
    else:
        wire.lose()
    assert list(parts.resumption.kept()) == []
    assert parts.rooms.rooms == {}


async def test_a_device_with_a_token_of_its_own_is_not_replaced_by_others(parts: Parts) -> None:
    parts.greeted("board", BOARD)
    other = parts.connect("board", Principal("person", "ann", frozenset({"room.*"})))
    other.send(type="hello", version=3, transport="websocket")
    assert other.codes() == ["unauthorized"]
    assert parts.registry.device("board") is not other.handler


async def test_a_token_that_expires_ends_the_connection(parts: Parts) -> None:
    wire = parts.greeted("board", replace(BOARD, expires=time.time() + 0.01))
    async with asyncio.timeout(5):
        while wire.close_code is None:
            await asyncio.sleep(0.005)
    assert wire.close_code == 1008


async def test_changed_settings_take_scopes_or_the_connection(parts: Parts) -> None:
    wire = parts.greeted("board", BOARD)
    parts.principals["board"] = replace(BOARD, scopes=frozenset({"room.*"}))
    assert wire.handler.check_access()
    assert wire.codes() == ["forbidden"]
    wire.send(type="listen", state="start", mode="auto")
    assert wire.codes() == ["forbidden"]
    parts.principals["board"] = None
    assert not wire.handler.check_access()
    assert wire.close_code == 1008
    wire.lose()
    assert list(parts.resumption.kept()) == []


async def test_what_it_sends_has_its_form(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.send({"type": "alert", "text": "ä"})
    wire.handler.send_audio(b"abc")
    wire.handler.say_goodbye("the host stops")
    session = wire.handler.session_id
    assert wire.received() == [
        {"type": "alert", "text": "ä", "session_id": session},
        build_frame(FrameType.AUDIO, b"abc", 3),
        {"type": "goodbye", "reason": "the host stops", "session_id": session},
    ]
    assert wire.close_code == 1001


async def test_a_task_that_fails_is_logged_and_counted_and_ends_nothing(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        raise KeyError("a defect")

    wire = parts.greeted()
    await wire.handler.spawn(work())
    assert parts.counters["internal_errors"] == 1
    assert "task_failed" in caplog.text
    wire.send(type="ping", id=1)
    assert wire.messages("pong")


async def test_its_bytes_are_those_that_the_host_keeps_for_it(parts: Parts) -> None:
    wire = parts.greeted()
    wire.received()
    assert wire.handler.held_bytes == 0
    wire.handler.room.join(room_action("join", publish=["audio"]))
    wire.received()
    wire.handler.room.publish_audio(bytes(1000))
    assert wire.handler.held_bytes == 1000
    wire.transport.stuck = True
    wire.handler.send({"type": "alert"})
    assert wire.handler.held_bytes == 1000 + wire.handler.queued_bytes
    assert wire.handler.queued_bytes > 0


async def test_its_end_releases_all_of_it(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.room.join(room_action("join"))
    forever = wire.handler.spawn(asyncio.Event().wait())  # type: ignore[arg-type]
    await asyncio.sleep(0)
    wire.leave()
    await asyncio.sleep(0)
    assert forever.done()
    assert (parts.registry.open, list(parts.registry.all_connections()), parts.rooms.rooms) == (0, [], {})
    assert parts.hub.pool.groups() == []
