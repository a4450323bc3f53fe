"""Sessions across a restart of the process: saved when all peers are disconnected, loaded when the host starts.

A host that was killed has saved nothing: its boards begin new sessions.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from posewire.errors import StoreError
from posewire.rooms.directory import RoomDirectory
from posewire.server.connection.resumable_state import ResumableState
from posewire.server.connection.resumption import SessionResumption
from posewire.server.state.shared_states import StateDirectory, device_state, room_state
from posewire.store import Domain, Store
from posewire.voice.asr.base import AcousticProfile
from posewire.voice.llm.history import History
from posewire.voice.session import VoiceMemory

TABLES = Domain(
    "kept sessions",
    (
        """
        CREATE TABLE kept_sessions (
            session TEXT PRIMARY KEY, device TEXT NOT NULL, until REAL NOT NULL,
            room TEXT, slot INTEGER, voice TEXT NOT NULL
        );
        CREATE TABLE kept_rooms (room TEXT PRIMARY KEY, content TEXT NOT NULL);
        CREATE TABLE kept_states (state TEXT PRIMARY KEY, value TEXT NOT NULL);
        """,
    ),
)
_CONTENTS = ("kept_sessions", "kept_rooms", "kept_states")

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
                place = state.room.name, state.member.slot
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

        ``longest``: the resume window in seconds, which no session outlives. Returns the number of sessions.

        Raises:
            StoreError: the store failed, or another version of this program saved them; none is kept then.
        """

        def work(connection: sqlite3.Connection) -> Sequence[_Rows]:
            # It holds what people said: gone means gone.
            connection.execute("PRAGMA secure_delete=ON")
            found = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in _CONTENTS]  # noqa: S608 - our names
            for name in _CONTENTS:
                connection.execute(f"DELETE FROM {name}")  # noqa: S608 - our names
            return found

        sessions, room_rows, state_rows = await self._store.run(work)
        try:
            voices = [_voice_from(json.loads(voice)) for *_, voice in sessions]
            states = {name: json.loads(value) for name, value in state_rows}
            rooms = {name: self._rooms.restore(name, json.loads(content)) for name, content in room_rows}
        except (ValueError, KeyError, TypeError) as error:
            self._rooms.rooms.clear()
            raise StoreError(f"the sessions that another version saved cannot be read: {error!r}") from error
        now = time.time()
        places = {(name, slot): member for name, room in rooms.items() for slot, member in room.members.items()}
        count = 0
        for (session_id, device_id, until, room_name, slot, _), voice in zip(sessions, voices, strict=True):
            seconds = min(until - now, longest)
            if seconds > 0:
                member = places.pop((room_name, slot), None)
                room = rooms.get(room_name) if member is not None else None
                self._resumption.keep(session_id, ResumableState(device_id, voice, room, member), seconds)
                count += 1
        for (name, _), member in places.items():
            self._rooms.leave(rooms[name], member, "timeout")
        wanted = {room_state(name) for name in self._rooms.rooms}
        wanted |= {device_state(state.device_id) for _, state, _ in self._resumption.kept()}
        for name, value in states.items():
            if name in wanted:
                self._states.get(name).set(value)
        return count


def _voice_as_dict(memory: VoiceMemory | None) -> dict[str, Any]:
    memory = memory or VoiceMemory()
    history = None if memory.history is None else memory.history.as_dict()
    return {"sound": memory.acoustics.learned, "history": history}


def _voice_from(saved: dict[str, Any]) -> VoiceMemory:
    history = saved["history"]
    return VoiceMemory(None if history is None else History.from_dict(history), AcousticProfile(saved["sound"]))
