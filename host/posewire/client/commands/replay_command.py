"""Play a recording of a room back into a room of a host, at any speed.

Each member of the recording becomes a member of the room. A pose stream begins where it can be decoded: a member
that joins in the middle sees it from the recording's next key packet on.

examples:
  posewire replay session.pwrec
  posewire replay session.pwrec --speed 4 --room rehearsal
"""

import argparse
import asyncio
import contextlib
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from posewire.client.room.member import RoomMember, follow_members
from posewire.client.room_client import RoomClient
from posewire.client.unique_name import unique_name
from posewire.errors import PosewireError
from posewire.host_address import add_host_arguments, websocket_url
from posewire.progress import bar_line
from posewire.rooms.recording import AUDIO, EVENT, POSE, Record, RecordingError, read_recording
from posewire.terminal import LiveLine, is_live, show, show_json
from posewire.wire.messages import AudioParams

_Part = tuple[str, AudioParams | None]
"""A member of a recording: its device, and how its audio is encoded (None: not said)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire replay``."""
    parser.add_argument("file", type=Path, help="file that posewire record wrote")
    parser.add_argument("--speed", type=float, default=1.0, help="speed: 1 as recorded, 2 twice as fast (default 1)")
    parser.add_argument("--room", default="", help="the room to play into (default: the recorded one)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_host_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Play the file; prints how much was played."""
    if args.speed <= 0:
        raise PosewireError("--speed must be more than 0")
    with LiveLine(sys.stderr) as line:

        def tell(done: int, count: int) -> None:
            if is_live(sys.stderr):
                line.show(bar_line("", done, count, f"{done} of {count} frames"))

        played = asyncio.run(replay(args.file, websocket_url(args.url), args.room, args.token, args.speed, tell))
    if args.json:
        show_json({"file": str(args.file), "frames": played})
    else:
        show(f"{args.file}: {played} frames played")
    return 0


async def replay(
    file: Path,
    url: str,
    room: str = "",
    token: str = "",
    speed: float = 1.0,
    on_progress: Callable[[int, int], None] = lambda done, count: None,
) -> int:
    """Play a recording; returns the number of frames sent. ``on_progress`` gets that and the number of all frames.

    Raises:
        HostUnreachableError: no host is there, or it does not let this program in.
        RecordingError: the file is no recording, or has no frames.
        WireError: the host refuses the room.
    """
    # Read twice instead of kept: a recording of a night does not fit into memory.
    parts: dict[_Part, set[str]] = {}
    count = 0
    for record, part in _frames(file):
        parts.setdefault(part, set()).add("pose" if record.kind == POSE else "audio")
        count += 1
    if not count:
        raise RecordingError(f"{file} has no frames")
    name = room or _room_of(file) or "replay"
    player = unique_name("replay")
    async with contextlib.AsyncExitStack() as stack:
        members: dict[_Part, RoomClient] = {}
        readers: list[asyncio.Task[None]] = []
        for number, (part, kinds) in enumerate(parts.items(), 1):
            client = RoomClient(
                url,
                name,
                token=token,
                name=f"{player}-{number}",
                publish=sorted(kinds),
                subscribe=(),
                audio=part[1],
            )
            members[part] = await stack.enter_async_context(client)
            readers.append(asyncio.create_task(_read(client)))
        started, first = time.monotonic(), None
        for done, (record, part) in enumerate(itertools.islice(_frames(file), count), 1):  # it may be growing
            first = record.time_us if first is None else first
            due = started + (record.time_us - first) / 1e6 / speed
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            member = members[part]
            await (member.publish(record.payload) if record.kind == POSE else member.publish_audio(record.payload))
            on_progress(done, count)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return count


async def _read(client: RoomClient) -> None:
    """Take what the room says: events, and requests for key packets that a recording cannot fulfil."""
    async for _ in client.arrivals():
        pass


def _frames(file: Path) -> Iterator[tuple[Record, _Part]]:
    """Yield the frames, each with the member that it is of."""
    members: dict[int, RoomMember] = {}
    parts: dict[int, _Part] = {}
    for record in read_recording(file):
        if record.kind == EVENT:
            follow_members(members, record.event())
            parts.clear()
        elif record.kind in (AUDIO, POSE):
            if record.member_id not in parts:
                member = members.get(record.member_id)
                parts[record.member_id] = (
                    (member.device, member.audio) if member is not None else (str(record.member_id), None)
                )
            yield record, parts[record.member_id]


def _room_of(file: Path) -> str:
    for record in read_recording(file):
        if record.kind == EVENT and "recording" in (event := record.event()):
            return str(event.get("room", ""))
    return ""
