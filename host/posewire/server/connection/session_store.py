"""Sessions across a restart of the process: saved when all peers are disconnected, loaded when the host starts.

A host that was killed has saved nothing: its boards begin new sessions.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from posewire.errors import WireError
from posewire.hub.state import StateError
from posewire.log import EventLog
from posewire.rooms.directory import RoomDirectory
from posewire.rooms.room import Room
from posewire.server.connection.resumable_state import ResumableState
from posewire.server.connection.resumption import SessionResumption
from posewire.server.state.shared_states import StateDirectory, device_state, room_state
from posewire.store import Domain, Store
from posewire.store.rows import readable_with_rows
from posewire.voice.asr.base import AcousticProfile
from posewire.voice.llm.history import History
from posewire.voice.session import VoiceMemory
from posewire.wire.json_text import parse_json

TABLES = Domain(
    "kept sessions",
    (
        """
        CREATE TABLE kept_sessions (
            session TEXT PRIMARY KEY, device TEXT NOT NULL, until REAL NOT NULL,
            room TEXT, member_id INTEGER, voice TEXT NOT NULL
        );
        CREATE TABLE kept_rooms (room TEXT PRIMARY KEY, content TEXT NOT NULL);
        CREATE TABLE kept_states (state TEXT PRIMARY KEY, value TEXT NOT NULL);
        """,
    ),
)
_TABLES = {"kept_sessions": "session", "kept_rooms": "room", "kept_states": "state"}
"""The tables, each with the column that names a row."""

_Rows = Sequence[tuple[Any, ...]]


class SessionStore:
    """Saves what ``resumption`` keeps, with the rooms and shared states that belong to it, and loads it again."""

    def __init__(
        self, store: Store, resumption: SessionResumption, rooms: RoomDirectory, states: StateDirectory
    ) -> None:
        self._store = store
        self._resumption = resumption
        self._rooms = rooms
        self._states = states
        self._log = EventLog()

    async def save(self) -> None:
        """Save the lost sessions for the rest of their resume windows.

        Raises:
            StoreError: the store failed; the sessions are lost then.
        """
        now = time.time()
        sessions: list[tuple[Any, ...]] = []
        rooms: dict[str, str] = {}
        states: dict[str, str] = {}

        def add_state(name: str) -> None:
            value = self._states.value(name)
            if value:
                states[name] = json.dumps(value)

        for session_id, state, left in self._resumption.kept():
            place: tuple[str | None, int | None] = (None, None)
            if state.room is not None and state.member is not None:
                place = state.room.name, state.member.member_id
                if state.room.name not in rooms:
                    rooms[state.room.name] = json.dumps(state.room.as_dict())
                    add_state(room_state(state.room.name))
            add_state(device_state(state.device_id))
            voice = json.dumps(_voice_as_dict(state.voice))
            sessions.append((session_id, state.device_id, now + left, *place, voice))

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR REPLACE INTO kept_sessions VALUES (?, ?, ?, ?, ?, ?)", sessions)
            connection.executemany("INSERT OR REPLACE INTO kept_rooms VALUES (?, ?)", rooms.items())
            connection.executemany("INSERT OR REPLACE INTO kept_states VALUES (?, ?)", states.items())

        await self._store.run(work)

    async def load(self, longest: float) -> int:
        """Keep again the sessions that an earlier process saved, and erase them from the store.

        ``longest``: the resume window in seconds, which no session outlives. Returns the number of sessions. A row that
        cannot be read is reported and skipped, and stays in the store.

        Raises:
            StoreError: the store failed.
        """

        def read(connection: sqlite3.Connection) -> Sequence[_Rows]:
            return [connection.execute(f"SELECT * FROM {name}").fetchall() for name in _TABLES]  # noqa: S608 - our names

        session_rows, room_rows, state_rows = await self._store.run(read)
        sessions = readable_with_rows(session_rows, _session, "kept session")
        rooms = readable_with_rows(room_rows, self._room, "kept room")
        states = readable_with_rows(state_rows, _state, "kept state")

        def erase(connection: sqlite3.Connection) -> None:
            # It holds what people said: gone means gone.
            connection.execute("PRAGMA secure_delete=ON")
            keys = [[row[0] for row, _ in sessions], [row[0] for row, _ in rooms], [row[0] for row, _ in states]]
            for (table, key), names in zip(_TABLES.items(), keys, strict=True):
                values = [(name,) for name in names]
                connection.executemany(f"DELETE FROM {table} WHERE {key} = ?", values)  # noqa: S608 - our names

        await self._store.run(erase)
        now = time.time()
        by_name = {room.name: room for _, room in rooms}
        places = {
            (name, member_id): member for name, room in by_name.items() for member_id, member in room.members.items()
        }
        count = 0
        for _, (session_id, device_id, until, place, voice) in sessions:
            seconds = min(until - now, longest)
            if seconds > 0:
                member = places.pop(place, None)
                room = by_name.get(place[0]) if member is not None else None
                self._resumption.keep(session_id, ResumableState(device_id, voice, room, member), seconds)
                count += 1
        for (name, _), member in places.items():
            self._rooms.leave(by_name[name], member, "timeout")
        wanted = {room_state(name) for name in self._rooms.rooms}
        wanted |= {device_state(state.device_id) for _, state, _ in self._resumption.kept()}
        for _, (name, value) in states:
            if name in wanted:
                self._keep_state(name, value)
        return count

    def _room(self, name: str, content: str) -> Room:
        return self._rooms.restore(name, parse_json(content))

    def _keep_state(self, name: str, value: dict[str, Any]) -> None:
        try:
            self._states.get(name).set(value)
        except (StateError, WireError) as error:
            self._log.warning("state_lost", name=name, why=str(error))


def _session(
    session_id: str, device_id: str, until: float, room: str | None, member_id: int | None, voice: str
) -> tuple[str, str, float, tuple[str, int], VoiceMemory]:
    return session_id, device_id, float(until), (room or "", member_id or 0), _voice_from(parse_json(voice))


def _state(name: str, value: str) -> tuple[str, dict[str, Any]]:
    content = parse_json(value)
    if not isinstance(content, dict):
        raise ValueError("a state must be an object")  # noqa: TRY004 - of a row, not of our types
    return name, content


def _voice_as_dict(memory: VoiceMemory | None) -> dict[str, Any]:
    memory = memory or VoiceMemory()
    history = None if memory.history is None else memory.history.as_dict()
    return {"sound": memory.acoustics.learned, "history": history}


def _voice_from(saved: dict[str, Any]) -> VoiceMemory:
    history = saved["history"]
    return VoiceMemory(None if history is None else History.from_dict(history), AcousticProfile(saved["sound"]))
