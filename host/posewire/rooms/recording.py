"""A room on disk: what its members published, frame by frame, and who came and went. ``docs/rooms.md`` has the format.

The file only grows. Each record carries its length and a check, so a file that ends within one (a crash, a full disk)
is good up to there; appending to it goes on after its last whole record.
"""

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from posewire.errors import PosewireError

MAGIC = b"PWREC1\r\n"
EVENT, AUDIO, POSE = 1, 0, 16
"""Kinds of record: JSON, or a frame with the type number that it has on the wire."""

_HEAD = struct.Struct("<IQBB")
_CHECK = struct.Struct("<I")
_MAX_PAYLOAD = 1 << 20
_FLUSH_EVERY = 1.0


class RecordingError(PosewireError):
    """A recording that cannot be read or written; the message names the file."""

    code = "bad_recording"


@dataclass(frozen=True)
class Record:
    """One record. ``time_us``: microseconds since the recording began; ``member_id``: the member (0 for events)."""

    time_us: int
    kind: int
    member_id: int
    payload: bytes

    def event(self) -> dict[str, Any]:
        """Return an event record's JSON object."""
        event: dict[str, Any] = json.loads(self.payload)
        return event


def pack(record: Record) -> bytes:
    """Serialise a record."""
    body = _HEAD.pack(len(record.payload), record.time_us, record.kind, record.member_id) + record.payload
    return body + _CHECK.pack(zlib.crc32(body))


class RecordingWriter:
    """Appends records to a file, new or old. Use as a context manager.

    Records reach the operating system at once, so a crash of this process loses nothing; the disk has them within a
    second of recorded time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last_us = 0
        """Time of the last record that an older part of the file holds: go on after it."""

        self._file: BinaryIO | None = None
        self._synced_us = 0

    def __enter__(self) -> "RecordingWriter":
        try:
            size = self.path.stat().st_size if self.path.exists() else 0
            if size:
                good = len(MAGIC)
                for record, end in _records(self.path):
                    good, self.last_us = end, record.time_us
                self._file = self.path.open("r+b", buffering=0)
                self._file.truncate(good)
                self._file.seek(good)
            else:
                self._file = self.path.open("wb", buffering=0)
                self._file.write(MAGIC)
        except OSError as error:
            raise RecordingError(f"cannot write {self.path}: {error.strerror or error}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def write(self, record: Record) -> None:
        """Append a record to the file.

        Raises:
            RecordingError: the disk is full, or the file went away; what was written before stays good.
        """
        assert self._file is not None, "use the writer as a context manager"
        try:
            self._file.write(pack(record))
            if record.time_us - self._synced_us > _FLUSH_EVERY * 1e6:
                self._synced_us = record.time_us
                os.fsync(self._file.fileno())
        except OSError as error:
            raise RecordingError(f"cannot write {self.path}: {error.strerror or error}") from None


def read_recording(path: Path, told: Callable[[int], None] | None = None) -> Iterator[Record]:
    """Yield the records of a file; it ends at the first that is cut short or damaged.

    ``told`` is called with the number of bytes read so far, before each record.

    Raises:
        RecordingError: the file is not there, or is no recording.
    """
    try:
        for record, position in _records(path):
            if told is not None:
                told(position)
            yield record
    except OSError as error:
        raise RecordingError(f"cannot read {path}: {error.strerror or error}") from None


def _records(path: Path) -> Iterator[tuple[Record, int]]:
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise RecordingError(f"{path} is not a recording of a room")
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            size, time_us, kind, member_id = _HEAD.unpack(head)
            if size > _MAX_PAYLOAD:
                return
            rest = file.read(size + _CHECK.size)
            if len(rest) < size + _CHECK.size:
                return
            payload = rest[:size]
            if _CHECK.unpack_from(rest, size)[0] != zlib.crc32(payload, zlib.crc32(head)):
                return
            yield Record(time_us, kind, member_id, payload), file.tell()
