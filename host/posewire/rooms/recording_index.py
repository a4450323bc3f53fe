"""Which recordings there are: a row for each file that ``posewire record`` has written, in the store."""

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from posewire.store import Domain
from posewire.store.rows import readable
from posewire.wire.json_text import parse_json

RECORDINGS = Domain(
    "recordings",
    (
        """
        CREATE TABLE recordings (
            id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL UNIQUE, room TEXT NOT NULL, host TEXT NOT NULL,
            began REAL NOT NULL, seconds REAL, pose INTEGER NOT NULL, audio INTEGER NOT NULL, members TEXT NOT NULL);
        """,
    ),
)


@dataclass(frozen=True)
class IndexedRecording:
    """One recording. ``began``: seconds since 1970; ``seconds``: its length, None while it is being written, or when
    the program that wrote it was killed; ``pose``, ``audio``: frames; ``members``: the devices that are heard in it."""

    number: int
    file: Path
    room: str
    host: str
    began: float
    seconds: float | None
    pose: int
    audio: int
    members: tuple[str, ...]


def note_beginning(connection: sqlite3.Connection, file: Path, room: str, host: str) -> None:
    """Note that a file is being written, or appended to."""
    connection.execute(
        "INSERT INTO recordings (file, room, host, began, pose, audio, members) VALUES (?, ?, ?, ?, 0, 0, '[]') "
        "ON CONFLICT (file) DO UPDATE SET room = excluded.room, host = excluded.host, seconds = NULL",
        (str(file), room, host, time.time()),
    )


def note_end(
    connection: sqlite3.Connection, file: Path, seconds: float, pose: int, audio: int, members: Iterable[str]
) -> None:
    """Note how long the file is now, and what was added to it."""
    row = connection.execute("SELECT members FROM recordings WHERE file = ?", (str(file),)).fetchone()
    known = [name for names in readable([row] if row else [], _members, "recording") for name in names]
    everybody = sorted({*members, *known})
    connection.execute(
        "UPDATE recordings SET seconds = ?, pose = pose + ?, audio = audio + ?, members = ? WHERE file = ?",
        (seconds, pose, audio, json.dumps(everybody), str(file)),
    )


def read_index(connection: sqlite3.Connection) -> list[IndexedRecording]:
    """Return all recordings, oldest first."""
    rows = connection.execute(
        "SELECT id, file, room, host, began, seconds, pose, audio, members FROM recordings ORDER BY began, id"
    )
    return readable(rows, _recording, "recording")


def _recording(
    number: int,
    file: str,
    room: str,
    host: str,
    began: float,
    seconds: float | None,
    pose: int,
    audio: int,
    members: str,
) -> IndexedRecording:
    length = None if seconds is None else float(seconds)
    return IndexedRecording(
        number, Path(file), room, host, float(began), length, int(pose), int(audio), _members(members)
    )


def _members(text: str) -> tuple[str, ...]:
    names = parse_json(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("the members must be a list of texts")
    return tuple(names)


def forget_recording(connection: sqlite3.Connection, number: int) -> bool:
    """Take a recording out of the index, not off the disk; False when there is none of that number."""
    return connection.execute("DELETE FROM recordings WHERE id = ?", (number,)).rowcount > 0
