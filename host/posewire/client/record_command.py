"""Record a room of a host into a file: poses, audio, and who comes and goes.

The file only grows, survives a crash up to its last whole record, and is appended to when it is there already. Stop
with Ctrl-C, or with --seconds.

examples:
  posewire record studio session.pwrec
  posewire record studio session.pwrec --url ws://host.local:8000/posewire/v1/ --token "$(cat token.txt)" --seconds 60
"""

import argparse
import asyncio
import contextlib
import json
import os
import time
from pathlib import Path

from posewire.client.room_client import ReceivedFrame, RoomClient
from posewire.rooms.recording import AUDIO, EVENT, POSE, Record, RecordingWriter

TOKEN_VARIABLE = "POSEWIRE_TOKEN"  # noqa: S105 - the name of a variable, not a secret
DEFAULT_URL = "ws://127.0.0.1:8000/posewire/v1/"
_TYPES = {"audio": AUDIO, "pose": POSE}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire record``."""
    parser.add_argument("room", help="the room's name; it is created when it is not there")
    parser.add_argument("file", type=Path, help="the file to write, or to append to")
    add_host_arguments(parser)
    parser.add_argument("--seconds", type=float, default=0, help="stop after this time (default: run until Ctrl-C)")


def add_host_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says which host to talk to."""
    parser.add_argument("--url", default=DEFAULT_URL, help=f"the host (default {DEFAULT_URL})")
    parser.add_argument("--token", default=os.environ.get(TOKEN_VARIABLE, ""), help=f"or the variable {TOKEN_VARIABLE}")


def run(args: argparse.Namespace) -> int:
    """Record until told to stop; prints what was recorded."""
    counts = {"pose": 0, "audio": 0}
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(record(args.room, args.file, args.url, args.token, args.seconds, counts))
    print(f"{args.file}: {counts['pose']} pose packets, {counts['audio']} audio frames")
    return 0


async def record(
    room: str, file: Path, url: str, token: str = "", seconds: float = 0, counts: dict[str, int] | None = None
) -> None:
    """Record a room; ends when the host closes, or after ``seconds`` (0: never).

    Raises:
        HostUnreachableError: no host is there, or it does not let this program in.
        RecordingError: the file cannot be written.
        WireError: the host refuses the room.
    """
    counted = counts if counts is not None else {"pose": 0, "audio": 0}
    # Joined before the file is touched: a host that is not there leaves no empty recording.
    async with RoomClient(url, room, token=token, name="recorder", subscribe=("pose", "audio")) as client:
        with RecordingWriter(file) as writer:
            started = time.monotonic() - writer.last_us / 1e6

            def now_us() -> int:
                return round((time.monotonic() - started) * 1e6)

            meta = {"recording": 1, "room": room, "began": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
            writer.write(Record(now_us(), EVENT, 0, json.dumps(meta).encode()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds or None):
                    async for arrival in client.arrivals():
                        if isinstance(arrival, ReceivedFrame):
                            counted[arrival.kind] += 1
                            writer.write(Record(now_us(), _TYPES[arrival.kind], arrival.slot, arrival.payload))
                        else:
                            writer.write(Record(now_us(), EVENT, 0, json.dumps(arrival).encode()))
