"""Sessions across a restart of the process: written when the host has let all peers go, taken back when it starts.

A host that was killed has written nothing: its boards begin new sessions.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from posewire.errors import StoreError
from posewire.server.connection.resume import Held, Kept, hold
from posewire.server.state.shared_states import device_state, room_state
from posewire.store import Domain
from posewire.voice.asr.base import AcousticProfile
from posewire.voice.llm.history import History
from posewire.voice.session import VoiceMemory

if TYPE_CHECKING:
    from posewire.server.services import Services

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


async def keep_sessions(services: "Services") -> None:
    """Write what the lost sessions left, for the rest of their resume windows.

    Raises:
        StoreError: the store failed; the sessions are lost then.
    """
    loop_now, now = asyncio.get_running_loop().time(), time.time()
    sessions: list[tuple[Any, ...]] = []
    rooms: dict[str, str] = {}
    states: dict[str, str] = {}

    def add_state(name: str) -> None:
        value = services.states.value(name)
        if value:
            states[name] = json.dumps(value)

    for session_id, held in services.registry.held():
        room, member = held.kept.room, held.kept.member
        place: tuple[str | None, int | None] = (None, None)
        if room is not None and member is not None:
            place = room.name, member.slot
            if room.name not in rooms:
                rooms[room.name] = json.dumps(room.as_dict())
                add_state(room_state(room.name))
        add_state(device_state(held.device_id))
        until = now + held.timer.when() - loop_now
        sessions.append((session_id, held.device_id, until, *place, json.dumps(_voice_as_dict(held))))

    def work(connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT OR REPLACE INTO kept_sessions VALUES (?, ?, ?, ?, ?, ?)", sessions)
        connection.executemany("INSERT OR REPLACE INTO kept_rooms VALUES (?, ?)", rooms.items())
        connection.executemany("INSERT OR REPLACE INTO kept_states VALUES (?, ?)", states.items())

    await services.store.run(work)


async def take_back_sessions(services: "Services") -> int:
    """Hold again what an earlier process kept, and erase it from the store; returns the number of sessions.

    Raises:
        StoreError: the store failed, or another version of this program wrote it; nothing is held then.
    """

    def work(connection: sqlite3.Connection) -> Sequence[_Rows]:
        # It holds what people said: gone means gone.
        connection.execute("PRAGMA secure_delete=ON")
        found = [connection.execute(f"SELECT * FROM {name}").fetchall() for name in _CONTENTS]  # noqa: S608 - our names
        for name in _CONTENTS:
            connection.execute(f"DELETE FROM {name}")  # noqa: S608 - our names
        return found

    sessions, room_rows, state_rows = await services.store.run(work)
    try:
        voices = [_voice_from(json.loads(voice)) for *_, voice in sessions]
        states = {name: json.loads(value) for name, value in state_rows}
        rooms = {name: services.rooms.restore(name, json.loads(content)) for name, content in room_rows}
    except (ValueError, KeyError, TypeError) as error:
        services.rooms.rooms.clear()
        raise StoreError(f"what another version kept of its sessions does not make sense here: {error!r}") from error
    longest, now = services.settings.server.resume_window, time.time()
    places = {(name, slot): member for name, room in rooms.items() for slot, member in room.members.items()}
    count = 0
    for (session_id, device_id, until, room_name, slot, _), voice in zip(sessions, voices, strict=True):
        seconds = min(until - now, longest)
        if seconds > 0:
            member = places.pop((room_name, slot), None)
            kept = Kept(voice, rooms.get(room_name) if member is not None else None, member)
            hold(services, session_id, device_id, kept, seconds)
            count += 1
    for (name, _), member in places.items():
        services.rooms.leave(rooms[name], member, "timeout")
    held_devices = {held.device_id for _, held in services.registry.held()}
    wanted = {room_state(name) for name in services.rooms.rooms} | {device_state(device) for device in held_devices}
    for name, value in states.items():
        if name in wanted:
            services.states.get(name).set(value)
    return count


def _voice_as_dict(held: Held) -> dict[str, Any]:
    memory = held.kept.voice or VoiceMemory()
    history = None if memory.history is None else memory.history.as_dict()
    return {"sound": memory.acoustics.learned, "history": history}


def _voice_from(saved: dict[str, Any]) -> VoiceMemory:
    history = saved["history"]
    return VoiceMemory(None if history is None else History.from_dict(history), AcousticProfile(saved["sound"]))
