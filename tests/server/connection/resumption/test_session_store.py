"""Sessions across a restart of the process."""

import sqlite3

import pytest

from posewire.server.connection.resumable_state import ResumableState
from posewire.server.connection.session_store import SessionStore
from posewire.server.state.shared_states import device_state, room_state
from posewire.store import Store
from posewire.voice.llm.base import ChatMessage
from posewire.voice.llm.history import History
from posewire.voice.session import VoiceMemory
from server.connection.wired import Parts, room_action
from support.json_values import deep


def session_store(parts: Parts, store: Store | None = None) -> SessionStore:
    return SessionStore(store or parts.store, parts.resumption, parts.rooms, parts.states)


async def test_sessions_rooms_and_states_are_as_they_were(parts: Parts) -> None:
    wire = parts.greeted()
    wire.handler.room.join(room_action("join", publish=["pose"], subscribe=["audio"]))
    wire.handler.room.handle(room_action("lock"))
    parts.states.get(room_state("studio")).set({"light": 1})
    parts.states.get(device_state("board")).set({"things": {"lamp": {"on": True}}})
    session = wire.handler.session_id
    wire.lose()
    await session_store(parts).save()

    later = Parts()
    assert await session_store(later, parts.store).load(60.0) == 1
    back = later.connect()
    assert back.hello(resume=session)["resumed"] is True
    room = later.rooms.rooms["studio"]
    assert back.handler.room_name == "studio"
    assert room.locked
    assert back.handler.room.member is not None
    assert (back.handler.room.member.role, back.handler.room.member.publish) == ("owner", frozenset({"pose"}))
    assert later.states.value(room_state("studio")) == {"light": 1}
    assert later.states.value(device_state("board")) == {"things": {"lamp": {"on": True}}}
    await later.close()


async def test_a_dialogue_is_as_it_was(parts: Parts) -> None:
    history = History(10, 1000)
    history.add([ChatMessage("user", "Hello."), ChatMessage("assistant", "Good morning.")])
    memory = VoiceMemory(history)
    memory.acoustics.learned = "1,2"
    parts.resumption.keep("session", ResumableState("board", memory), 60.0)
    await session_store(parts).save()
    later = Parts()
    await session_store(later, parts.store).load(60.0)
    state = later.resumption.restore("session", "board")
    assert state is not None
    assert state.voice is not None
    assert state.voice.acoustics.learned == "1,2"
    assert state.voice.history is not None
    assert state.voice.history.as_dict() == history.as_dict()
    await later.close()


async def test_loading_erases_and_no_session_outlives_the_resume_window(parts: Parts) -> None:
    parts.resumption.keep("session", ResumableState("board"), 3600.0)
    await session_store(parts).save()
    later = Parts()
    assert await session_store(later, parts.store).load(30.0) == 1
    ((_, _, left),) = later.resumption.kept()
    assert left <= 30.0
    assert await session_store(later, parts.store).load(30.0) == 0
    await later.close()


async def test_who_is_late_has_left_its_room(parts: Parts) -> None:
    first, second = parts.greeted("first"), parts.greeted("second")
    for wire in (first, second):
        wire.handler.room.join(room_action("join"))
        wire.lose()
    await session_store(parts).save()

    def expire(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE kept_sessions SET until = 0 WHERE device = 'first'")

    await parts.store.run(expire)
    later = Parts()
    assert await session_store(later, parts.store).load(60.0) == 1
    members = later.rooms.rooms["studio"].members.values()
    assert [(member.device, member.role) for member in members] == [("second", "owner")]
    await later.close()


BAD = ("not JSON", "{}", "[]", "7", deep(2000))


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize(
    ("table", "column", "name"),
    [("kept_sessions", "voice", "first"), ("kept_rooms", "content", "first"), ("kept_states", "value", "first")],
)
async def test_a_row_that_cannot_be_read_is_skipped_and_left_there(
    parts: Parts, table: str, column: str, name: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    if (table, value) == ("kept_states", "{}"):
        pytest.skip("it is an empty state")
    sessions = []
    for device in ("first", "second"):
        wire = parts.greeted(device)
        wire.handler.room.join(room_action("join", device))
        parts.states.get(device_state(device)).set({"of": device})
        sessions.append(wire.handler.session_id)
        wire.lose()
    await session_store(parts).save()
    key = {"kept_sessions": "device = 'first'", "kept_rooms": "room = 'first'", "kept_states": "state = 'device:first'"}
    changed = await parts.store.run(
        lambda c: c.execute(f"UPDATE {table} SET {column} = ? WHERE {key[table]}", (value,))
    )
    assert changed.rowcount == 1
    later = Parts()
    assert await session_store(later, parts.store).load(60.0) == (1 if table == "kept_sessions" else 2)
    assert "row_skipped" in caplog.text
    back = later.connect("second")
    assert back.hello(resume=sessions[1])["resumed"] is True
    assert back.handler.room_name == "second"
    assert later.states.value(device_state("second")) == {"of": "second"}
    left = {
        kept: await parts.store.run(lambda c, kept=kept: c.execute(f"SELECT count(*) FROM {kept}").fetchone()[0])
        for kept in ("kept_sessions", "kept_rooms", "kept_states")
    }
    assert left == {**dict.fromkeys(left, 0), table: 1}
    await later.close()
