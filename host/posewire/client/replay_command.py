"""Play a recording of a room back into a room of a host, at any speed.

Each member of the recording becomes a member of the room. A pose stream begins where it can be decoded: who joins in
the middle sees it from the recording's next key packet on.

examples:
  posewire replay session.pwrec
  posewire replay session.pwrec --speed 4 --room rehearsal
"""

import argparse
import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from posewire.client.record_command import add_host_arguments
from posewire.client.room_client import RoomClient
from posewire.errors import PosewireError
from posewire.rooms.recording import AUDIO, EVENT, POSE, Record, RecordingError, read_recording


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire replay``."""
    parser.add_argument("file", type=Path, help="a file that posewire record has written")
    parser.add_argument("--speed", type=float, default=1.0, help="1 is as it was, 2 twice as fast (default 1)")
    parser.add_argument("--room", default="", help="the room to play into (default: the recorded one)")
    add_host_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Play the file; prints how much was played."""
    if args.speed <= 0:
        raise PosewireError("--speed must be more than 0")
    played = asyncio.run(replay(args.file, args.url, args.room, args.token, args.speed))
    print(f"{args.file}: {played} frames played")
    return 0


async def replay(file: Path, url: str, room: str = "", token: str = "", speed: float = 1.0) -> int:
    """Play a recording; returns the number of frames sent.

    Raises:
        HostUnreachableError: no host is there, or it does not let this program in.
        RecordingError: the file is no recording, or has no frames.
        WireError: the host refuses the room.
    """
    records = list(read_recording(file))
    frames = [record for record in records if record.kind in (AUDIO, POSE)]
    if not frames:
        raise RecordingError(f"{file} has no frames")
    name = room or _room_of(records) or "replay"
    async with contextlib.AsyncExitStack() as stack:
        members: dict[int, RoomClient] = {}
        readers: list[asyncio.Task[None]] = []
        for slot in sorted({record.slot for record in frames}):
            client = RoomClient(url, name, token=token, name=f"replay-{slot}", publish=("pose", "audio"), subscribe=())
            members[slot] = await stack.enter_async_context(client)
            readers.append(asyncio.create_task(_read(client)))
        started, first = time.monotonic(), frames[0].time_us
        for record in frames:
            due = started + (record.time_us - first) / 1e6 / speed
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            member = members[record.slot]
            await (member.publish(record.payload) if record.kind == POSE else member.publish_audio(record.payload))
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return len(frames)


async def _read(client: RoomClient) -> None:
    """Take what the room says: events, and requests for key packets that a recording cannot fulfil."""
    async for _ in client.arrivals():
        pass


def _room_of(records: Sequence[Record]) -> str:
    for record in records:
        if record.kind == EVENT and "recording" in (event := record.event()):
            return str(event.get("room", ""))
    return ""
