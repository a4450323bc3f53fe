"""Record a room of a host into a file: poses, audio, and who comes and goes.

The file only grows, survives a crash up to its last whole record, and is appended to when it is there already. Stop
with Ctrl-C, or with --seconds. "posewire recordings" lists what was recorded.

examples:
  posewire record studio session.pwrec
  posewire record studio session.pwrec --url ws://host.local:8000/posewire/v1/ --token "$(cat token.txt)" --seconds 60
"""

import argparse
import asyncio
import contextlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from posewire.client.room_client import ReceivedFrame, RoomClient
from posewire.errors import PosewireError, StoreError
from posewire.rooms.recording import AUDIO, EVENT, POSE, Record, RecordingWriter
from posewire.rooms.recording_index import RECORDINGS, note_beginning, note_end
from posewire.store import Store
from posewire.store.command_line import add_store_arguments, opened_store

TOKEN_VARIABLE = "POSEWIRE_TOKEN"  # noqa: S105 - the name of a variable, not a secret
DEFAULT_URL = "ws://127.0.0.1:8000/posewire/v1/"
_TYPES = {"audio": AUDIO, "pose": POSE}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire record``."""
    parser.add_argument("room", help="the room's name; it is created when it is not there")
    parser.add_argument("file", type=Path, help="the file to write, or to append to")
    add_host_arguments(parser)
    parser.add_argument("--seconds", type=float, default=0, help="stop after this time (default: run until Ctrl-C)")
    add_store_arguments(parser)


def add_host_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which host to talk to."""
    parser.add_argument("--url", default=DEFAULT_URL, help=f"the host (default {DEFAULT_URL})")
    parser.add_argument("--token", default=os.environ.get(TOKEN_VARIABLE, ""), help=f"or the variable {TOKEN_VARIABLE}")


def run(args: argparse.Namespace) -> int:
    """Record until told to stop; prints what was recorded."""
    recorded = Recorded()
    with contextlib.ExitStack() as stack:
        index: Store | None = None
        try:
            index = stack.enter_context(opened_store(args, (RECORDINGS,), create=True))
        except PosewireError as error:
            _warn(error)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(record(args.room, args.file, args.url, args.token, args.seconds, recorded, index))
    print(f"{args.file}: {recorded.pose} pose packets, {recorded.audio} audio frames")
    return 0


@dataclass
class Recorded:
    """What has been recorded so far. ``seconds``: length of the file; ``members``: devices whose frames are in it."""

    pose: int = 0
    audio: int = 0
    seconds: float = 0.0
    members: set[str] = field(default_factory=set)


async def record(
    room: str,
    file: Path,
    url: str,
    token: str = "",
    seconds: float = 0,
    recorded: Recorded | None = None,
    index: Store | None = None,
) -> None:
    """Record a room; ends when the host closes, or after ``seconds`` (0: never).

    Raises:
        HostUnreachableError: no host is there, or it does not let this program in.
        RecordingError: the file cannot be written.
        WireError: the host refuses the room.
    """
    recorded = recorded or Recorded()
    # Joined before the file is touched: a host that is not there leaves no empty recording.
    async with RoomClient(url, room, token=token, name="recorder", subscribe=("pose", "audio")) as client:
        with RecordingWriter(file) as writer, _indexed(index, file, room, url, recorded):
            started = time.monotonic() - writer.last_us / 1e6

            def write(kind: int, slot: int, payload: bytes) -> None:
                recorded.seconds = time.monotonic() - started
                writer.write(Record(round(recorded.seconds * 1e6), kind, slot, payload))

            meta = {"recording": 1, "room": room, "began": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
            write(EVENT, 0, json.dumps(meta).encode())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds or None):
                    async for arrival in client.arrivals():
                        if isinstance(arrival, ReceivedFrame):
                            write(_TYPES[arrival.kind], arrival.slot, arrival.payload)
                            recorded.members.add(str(client.members.get(arrival.slot, {}).get("device", "?")))
                            recorded.pose += arrival.kind == "pose"
                            recorded.audio += arrival.kind == "audio"
                        else:
                            write(EVENT, 0, json.dumps(arrival).encode())


@contextlib.contextmanager
def _indexed(index: Store | None, file: Path, room: str, url: str, recorded: Recorded) -> Iterator[None]:
    """Keep a recording's row in the index; that blocks, a moment before and a moment after."""
    file = file.absolute()
    _note(index, lambda c: note_beginning(c, file, room, url))
    try:
        yield
    finally:
        _note(index, lambda c: note_end(c, file, recorded.seconds, recorded.pose, recorded.audio, recorded.members))


def _note(index: Store | None, work: Callable[[sqlite3.Connection], None]) -> None:
    if index is not None:
        try:
            index.run_now(work)
        except StoreError as error:
            _warn(error)


def _warn(error: PosewireError) -> None:
    # A list that cannot be kept is no reason not to record.
    print(f"posewire: the list of recordings will lack this one: {error}", file=sys.stderr)
