"""Export a recording to a file that other programs read; the file's ending says what it becomes.

  .csv     a row for each landmark of each pose
  .jsonl   a JSON object for each pose
  .npz     one landmark set of one device, as arrays of numpy (posewire sim device --pose plays it)
  .bvh     the body of one device as a skeleton, for Blender, Maya, Unreal …
  .wav     the sound of one device
  .rrd     all poses, for the Rerun viewer (needs the extra "rerun")

examples:
  posewire export session.pwrec session.csv
  posewire export session.pwrec walk.bvh --device camera --fps 60
  posewire export session.pwrec hand.npz --device glove --set hand21
  posewire export session.pwrec voice.wav --device camera
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from posewire.errors import ConfigError
from posewire.export.bvh import write_bvh
from posewire.export.npz import write_npz
from posewire.export.poses import RecordedPoses, Told, Wanted
from posewire.export.rerun_file import write_rrd
from posewire.export.sound import write_wav
from posewire.export.tables import write_csv, write_jsonl
from posewire.progress import Progress, percent
from posewire.rooms.recording import RecordingError
from posewire.terminal import is_live, show, show_json

_ENDINGS = {".csv": 1, ".jsonl": 1, ".npz": 2, ".bvh": 3, ".wav": 2, ".rrd": 1}
"""How often each reads the recording."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire export``."""
    parser.add_argument("file", type=Path, help="file that posewire record wrote")
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("--device", action="append", default=[], help="export only this device (may be repeated)")
    parser.add_argument("--set", action="append", default=[], help="export only this landmark set (may be repeated)")
    parser.add_argument("--fps", type=float, default=30.0, help="frames a second of a .bvh file (default 30)")
    parser.add_argument("--percent", action="store_true", help="say on standard error how far it is, a line a percent")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Write the file; prints how many poses are in it."""
    if args.out.suffix not in _ENDINGS:
        raise ConfigError(f"{args.out}: the name must end in one of {', '.join(_ENDINGS)}")
    if not 0 < args.fps <= 1000:
        raise ConfigError(f"--fps must be more than 0 and at most 1000, not {args.fps:g}")
    wanted, size = Wanted(args.device, args.set), _size(args.file)
    total = size * _ENDINGS[args.out.suffix]
    with Progress(args.out.name, total, args.percent or not is_live(sys.stderr)) as progress:
        tell = _tell_percent(total) if args.percent else progress.show
        count = export(args.file, args.out, wanted, args.fps, _Reading(tell, size, total))
    if args.json:
        show_json({"file": str(args.out), _kind(args.out): count})
    else:
        show(f"{args.out}: {count} {_kind(args.out)}")
    return 0


class _Reading:
    """Tells how far a recording that is read several times has been read."""

    def __init__(self, tell: Callable[[int], None], size: int, total: int) -> None:
        """``tell`` gets the bytes read in all rounds, of ``total``, at each percent."""
        self._tell = tell
        self._size = size
        self._total = total
        self._before = 0
        self._position = 0
        self._shown = -1

    def __call__(self, position: int) -> None:
        """Take the number of bytes read in this round."""
        if position < self._position:
            self._before += self._size
        self._position = position
        done = percent(self._before + position, self._total)
        if done != self._shown:
            self._shown = done
            self._tell(self._before + position)


def _tell_percent(total: int) -> Callable[[int], None]:
    return lambda done: show(f"{percent(done, total)} %", out=sys.stderr)


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def export(file: Path, out: Path, wanted: Wanted | None = None, fps: float = 30.0, told: Told | None = None) -> int:
    """Export a recording; returns the number of poses, or of frames of sound, in the new file.

    ``told`` is called with the number of bytes read so far; some formats read the recording more than once.

    Raises:
        RecordingError: there is no such recording, or the new file cannot be written.
        ConfigError: nothing of what is wanted is there, or more than the format holds.
    """
    wanted = wanted or Wanted()
    poses = RecordedPoses(file, wanted, told)
    part = out.with_name(f"{out.name}.part")
    try:
        match out.suffix:
            case ".csv":
                count = write_csv(poses, part)
            case ".jsonl":
                count = write_jsonl(poses, part)
            case ".npz":
                count = write_npz(file, wanted, part, told)
            case ".bvh":
                count = write_bvh(file, wanted, part, told, fps=fps)
            case ".wav":
                count = write_wav(file, wanted.devices, part, told)
            case _:
                count = write_rrd(poses, part)
        if not count:
            raise ConfigError(f"{file} has no {_kind(out)} of the devices and landmark sets asked for")
        part.replace(out)
    except OSError as error:
        raise RecordingError(f"cannot write {out}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return count


def _kind(out: Path) -> str:
    return "frames" if out.suffix == ".wav" else "poses"
