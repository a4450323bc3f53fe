"""Which recordings there are: a row for each file that ``posewire record`` has written, in the store."""

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from posewire.store import Domain

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
    everybody = sorted({*members, *(json.loads(row[0]) if row else ())})
    connection.execute(
        "UPDATE recordings SET seconds = ?, pose = pose + ?, audio = audio + ?, members = ? WHERE file = ?",
        (seconds, pose, audio, json.dumps(everybody), str(file)),
    )


def read_index(connection: sqlite3.Connection) -> list[IndexedRecording]:
    """Return all recordings, oldest first."""
    rows = connection.execute(
        "SELECT id, file, room, host, began, seconds, pose, audio, members FROM recordings ORDER BY began, id"
    )
    return [
        IndexedRecording(number, Path(file), room, host, began, seconds, pose, audio, tuple(json.loads(members)))
        for number, file, room, host, began, seconds, pose, audio, members in rows
    ]


def forget_recording(connection: sqlite3.Connection, number: int) -> bool:
    """Take a recording out of the index, not off the disk; False when there is none of that number."""
    return connection.execute("DELETE FROM recordings WHERE id = ?", (number,)).rowcount > 0
