"""Record a room of a host into a file: poses, audio, and who comes and goes.

The file only grows, survives a crash up to its last whole record, and is appended to when it is there already. When the
host goes away, this waits for its return, for as long as it takes, and goes on in the same file. Stop with Ctrl-C, or
with --seconds. "posewire recordings" lists what was recorded.

examples:
  posewire record studio session.pwrec
  posewire record studio session.pwrec --url ws://host.local:8000/posewire/v1/ --token "$(cat token.txt)" --seconds 60
"""

import argparse
import asyncio
import contextlib
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from posewire.client.rejoin import join_again
from posewire.client.room_client import ReceivedFrame, RoomClient
from posewire.client.unique_name import unique_name
from posewire.errors import PosewireError, StoreError, WireError
from posewire.host_address import add_host_arguments, websocket_url
from posewire.rooms.recording import AUDIO, EVENT, POSE, Record, RecordingWriter
from posewire.rooms.recording_index import RECORDINGS, note_beginning, note_end
from posewire.store import Store
from posewire.store.command_line import add_store_arguments, opened_store
from posewire.terminal import LiveLine, is_live, show, show_json, warn

_TYPES = {"audio": AUDIO, "pose": POSE}
_SHOWN_EVERY = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire record``."""
    parser.add_argument("room", help="name of the room, which is created when it does not exist")
    parser.add_argument("file", type=Path, help="the file to write, or to append to")
    add_host_arguments(parser)
    parser.add_argument("--seconds", type=float, default=0, help="stop after this time (default: run until Ctrl-C)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_store_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Record until told to stop; prints what was recorded."""
    recorded, url = Recorded(), websocket_url(args.url)
    with contextlib.ExitStack() as stack:
        index: Store | None = None
        try:
            index = stack.enter_context(opened_store(args, (RECORDINGS,), create=True))
        except PosewireError as error:
            _warn(error)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                work = record(args.room, args.file, url, args.token, args.seconds, recorded, index)
                asyncio.run(_shown(work, args.room, recorded))
        finally:
            if recorded.began and args.json:
                show_json({"file": str(args.file), **asdict(recorded), "members": sorted(recorded.members)})
            elif recorded.began:
                losses = f"; times that the host was away: {recorded.losses}" if recorded.losses else ""
                show(f"{args.file}: {recorded.pose} pose packets, {recorded.audio} audio frames{losses}")
    return 0


async def _shown(work: Coroutine[Any, Any, None], room: str, recorded: "Recorded") -> None:
    """Record, and show on a terminal how much it has become."""
    task = asyncio.create_task(work)
    with LiveLine(sys.stderr) as line:
        try:
            while not task.done():
                await asyncio.wait([task], timeout=_SHOWN_EVERY)
                if recorded.began and is_live(sys.stderr):
                    line.show(
                        f"{room}: {recorded.seconds:.0f} s, {recorded.pose} pose packets, {recorded.audio} audio frames"
                    )
            await task
        finally:
            # To its end: a connection that is cut off in its farewell leaves a member that is only away.
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@dataclass
class Recorded:
    """The counts of a recording so far.

    ``seconds``: length of the file; ``members``: devices whose frames are in it; ``losses``: how often the host went
    away; ``began``: whether there is a file.
    """

    began: bool = False
    pose: int = 0
    audio: int = 0
    seconds: float = 0.0
    members: set[str] = field(default_factory=set)
    losses: int = 0


async def record(
    room: str,
    file: Path,
    url: str,
    token: str = "",
    seconds: float = 0,
    recorded: Recorded | None = None,
    index: Store | None = None,
) -> None:
    """Record a room; ends after ``seconds`` (0: never). A host that goes away is waited for, and its return recorded.

    Raises:
        HostUnreachableError: no host is there at the start, or it does not let this program in.
        RecordingError: the file cannot be written.
        WireError: the host refuses the room, or has removed this program from it.
    """
    recorded = recorded or Recorded()
    name = unique_name("recorder")

    def newcomer() -> RoomClient:
        return RoomClient(url, room, token=token, name=name, subscribe=("pose", "audio"), decode=False)

    async with contextlib.AsyncExitStack() as joined:
        # Joined before the file is touched: a host that is not there leaves no empty recording.
        client = await joined.enter_async_context(newcomer())
        with RecordingWriter(file) as writer, _indexed(index, file, room, url, recorded):
            recorded.began = True
            started = time.monotonic() - writer.last_us / 1e6

            def write(kind: int, member_id: int, payload: bytes) -> None:
                recorded.seconds = time.monotonic() - started
                writer.write(Record(round(recorded.seconds * 1e6), kind, member_id, payload))

            meta = {"recording": 1, "room": room, "began": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
            write(EVENT, 0, json.dumps(meta).encode())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds or None):
                    while True:
                        await _record_connection(client, write, recorded)
                        recorded.losses += 1
                        await joined.aclose()
                        warn("the host is away or has closed the room: waiting for it, until Ctrl-C")
                        client = await join_again(lambda: joined.enter_async_context(newcomer()))
                        warn("recording again")


async def _record_connection(client: RoomClient, write: Callable[[int, int, bytes], None], recorded: Recorded) -> None:
    """Record until the connection is lost or the room is closed."""
    async for arrival in client.arrivals():
        if isinstance(arrival, ReceivedFrame):
            write(_TYPES[arrival.kind], arrival.member_id, arrival.payload)
            recorded.members.add(
                member.device if (member := client.members.get(arrival.member_id)) is not None else "?"
            )
            recorded.pose += arrival.kind == "pose"
            recorded.audio += arrival.kind == "audio"
            continue
        write(EVENT, 0, json.dumps(arrival).encode())
        if arrival.get("event") == "kicked":
            reason = arrival.get("reason")
            raise WireError(f"the room's host has removed the recorder{f': {reason}' if reason else ''}", "room_denied")
        if arrival.get("event") == "closed":
            return


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
    warn(f"the list of recordings will lack this one: {error}")
