"""Let one simulated board stream for a long time, and see whether its memory holds.

Audio goes both ways, and landmarks (30 a second) and the motion sensor (50 a second) up, all at once: about 115 frames
a second, so a million take some two and a half hours. Every ten seconds a line tells what is free after a collection.
The run fails when that sinks, when frames take heap, or when the board restarted anything or lost its connection.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from posewire.boards.chip_memory import chip_memories
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import LEAST_HEAP
from posewire.sim.soak_host import SoakHost
from posewire.terminal import show, show_json, warn

# The microphone is open all the time, whatever the host says.
SETTINGS = {"listen": {"start": "host"}, "pose": {"imu_hz": 50}}

_EVERY_SECONDS = 10.0
# Until then all parts of the firmware have run once.
_SETTLED_SECONDS = 20.0
_LANDMARK_FRAMES = 300
# What may come and go at the moment of looking: a message that is being answered, a buffer under way.
_UNDER_WAY = 512


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``posewire sim soak``."""
    parser.add_argument(
        "--frames", type=int, default=1_000_000, help="stop after this number of frames (default: %(default)s)"
    )
    parser.add_argument("--minutes", type=float, metavar="M", help="stop after this time, if that is earlier")
    parser.add_argument("--chip", choices=tuple(chip_memories()), default="esp32", help="as in posewire sim device")
    parser.add_argument("--heap", type=int, metavar="BYTES", help="as in posewire sim device")
    parser.add_argument(
        "--firmware", type=Path, metavar="FOLDER", help="run this firmware instead of the project's own"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON; all else goes to stderr")


def run(args: argparse.Namespace) -> int:
    """Run; 0 when memory held, else 1. Raises SimulatorError when the board does not come up or ends."""
    heap = LEAST_HEAP if args.heap is None else args.heap
    if args.frames < 1 or heap < LEAST_HEAP or (args.minutes is not None and args.minutes <= 0):
        warn(f"frames and minutes must be more than 0, the heap at least {LEAST_HEAP}")
        return 2
    out = sys.stderr if args.json else sys.stdout
    show(f"a board is to stream {args.frames} frames; what it has done is shown every {_EVERY_SECONDS:g} s", out=out)
    with SoakHost() as host:
        board = SimBoard(host.url, room="soak", chip=args.chip, heap=args.heap, config=SETTINGS, firmware=args.firmware)
        with stream(board):
            last, complaints = _watch(board, args.frames, None if args.minutes is None else args.minutes * 60, out)
    if args.json:
        show_json({"passed": not complaints, "complaints": complaints, "frames": count(last), "board": last})
        return 1 if complaints else 0
    for complaint in complaints:
        show(f"FAILED: {complaint}", style="red")
    if not complaints:
        show("memory held")
    return 1 if complaints else 0


@contextmanager
def stream(board: SimBoard) -> Iterator[SimBoard]:
    """Switch a board on that has SETTINGS, and let it stream everything to its SoakHost."""
    with board:
        board.wait_connected(20)
        motion = np.random.default_rng(2).random((_LANDMARK_FRAMES, 33, 4)).astype(np.float32)
        board.wait(lambda: board.snapshot()["member_id"], 20, "the room")
        board.camera.play(motion, fps=30, kind="body33", loop=True)
        yield board


def _watch(board: SimBoard, frames: int, seconds: float | None, out: TextIO) -> tuple[dict[str, Any], list[str]]:
    start = time.monotonic()
    settled: dict[str, Any] | None = None
    lowest = 0
    while True:
        time.sleep(_EVERY_SECONDS)
        snapshot = board.snapshot()
        elapsed = time.monotonic() - start
        done = count(snapshot)
        show(
            f"{elapsed:8.0f} s  {done:8d} frames  free {snapshot['heap_free']}  lowest {snapshot['heap_free_min']}  "
            f"bytes a frame {snapshot['alloc_per_frame']}  dropped {snapshot['dropped']['audio']}",
            out=out,
        )
        if settled is None and elapsed >= _SETTLED_SECONDS:
            settled, lowest = snapshot, snapshot["heap_free"]
        lowest = min(lowest, snapshot["heap_free"])
        if done >= frames or (seconds is not None and elapsed >= seconds):
            return snapshot, _complaints(settled or snapshot, snapshot, lowest)


def count(snapshot: dict[str, Any]) -> int:
    """All audio and pose frames that went either way."""
    sent, received = snapshot["sent"], snapshot["received"]
    return int(sent["audio"] + sent["pose"] + received["audio"] + received["pose"])


def _complaints(settled: dict[str, Any], last: dict[str, Any], lowest: int) -> list[str]:
    found = []
    lost = settled["heap_free"] - lowest
    if lost > _UNDER_WAY:
        found.append(f"free memory sank by {lost} bytes, from {settled['heap_free']}")
    if last["alloc_per_frame"]:
        found.append(f"{last['alloc_per_frame']} heap bytes for each frame")
    found += [f"{last[name]} {name}" for name in ("restarts", "reconnects") if last[name]]
    return found
