"""Show which recordings posewire record has made on this machine, or take one out of the list.

examples:
  posewire recordings
  posewire recordings --room studio --json
  posewire recordings --forget 3
"""

import argparse
import time
from dataclasses import asdict

from posewire.errors import ConfigError
from posewire.rooms.recording_index import RECORDINGS, IndexedRecording, forget_recording, read_index
from posewire.store.command_line import add_store_arguments, opened_store
from posewire.terminal import show, show_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire recordings``."""
    parser.add_argument("--room", help="list only the recordings of this room")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument(
        "--forget", type=int, metavar="NUMBER", help="remove this recording from the list; its file is not touched"
    )
    add_store_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """List them, oldest first, or forget one."""
    with opened_store(args, (RECORDINGS,)) as store:
        if args.forget is not None:
            if not store.run_now(lambda c: forget_recording(c, args.forget)):
                raise ConfigError(f"there is no recording {args.forget}: posewire recordings lists them")
            return 0
        for recording in store.run_now(read_index):
            if args.room in (None, recording.room):
                _show(recording, args.json)
    return 0


def _line(recording: IndexedRecording) -> str:
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(recording.began))
    length = "not ended" if recording.seconds is None else f"{recording.seconds:.0f} s"
    frames = f"{recording.pose} pose, {recording.audio} audio"
    gone = "" if recording.file.exists() else "  (the file is gone)"
    who = ", ".join(recording.members) or "nobody"
    return f"{recording.number}  {began}  {length}  {recording.room}: {who}  {frames}  {recording.file}{gone}"


def _show(recording: IndexedRecording, as_json: bool) -> None:
    if as_json:
        show_json({**asdict(recording), "file": str(recording.file), "there": recording.file.exists()})
    else:
        show(_line(recording))
