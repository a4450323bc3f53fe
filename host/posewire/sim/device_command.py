"""Run one simulated board against any host.

It is the real firmware in a real MicroPython process; microphone, speaker, button, RGB LED, motion sensor and camera
are simulated underneath and driven by the options.
"""

import argparse
import ssl
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from posewire.boards.chip_memory import chip_memories
from posewire.boards.profiles import PROFILES
from posewire.errors import HostUnreachableError, PosewireError, SimulatorError
from posewire.host_address import add_host_arguments, websocket_url
from posewire.host_problems import remedy
from posewire.sim.board import DEVICE_ID, SimBoard
from posewire.sim.device_ids import reserved_device_id
from posewire.sim.device_story import Story
from posewire.sim.first_connection import in_plain_words, wait_connected
from posewire.sim.memory_model import LEAST_HEAP
from posewire.sim.parts.camera import load_recording
from posewire.sim.parts.microphone import RATE
from posewire.sim.parts.recording import read_wav
from posewire.terminal import show_json

_TAP_SECONDS = 0.1
_CONNECT_SECONDS = 15.0
# Longer than any turn: the firmware gives up before that.
_TURN_SECONDS = 120.0
# So long after something was done its effect shows.
_SETTLE_SECONDS = 0.5

_NO_CAMERA = " app: left out: keypoints: "

_EPILOG = """\
examples:
  posewire sim device --url ws://127.0.0.1:8000/posewire/v1/ --mic hello.wav
      tap the button, say what is in hello.wav, print what happens, stop when the reply is over
  posewire sim device --mic question.wav --press 0:2.5 --speaker reply.wav --json
      hold the button for 2.5 s while speaking; keep the reply; a report as JSON on stdout
  posewire sim device --mic question.wav --press 0 --press 6
      tap to ask, tap again 6 s after the start (while the host speaks, that interrupts it)
  posewire sim device --chip esp32s3-psram --pose dance.npz --room studio --for 30
      publish recorded landmarks (and the motion sensor) in the room "studio"

Times count from the moment when the board is connected. Every press that begins listening plays the
microphone's file from its beginning.
"""


class Press(NamedTuple):
    """A press of the button: when, and for how long, in seconds."""

    at: float
    hold: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of ``posewire sim device``."""
    parser.epilog = _EPILOG
    add = parser.add_argument
    add_host_arguments(parser)
    add(
        "--ca",
        type=Path,
        metavar="FILE.der",
        help="certificate (DER) that must have signed the host's; without it a wss:// host is not verified",
    )
    add("--mic", type=Path, metavar="FILE.wav", help="what is said to the microphone (PCM WAV, any rate and channels)")
    add("--speaker", type=Path, metavar="OUT.wav", help="write what came out of the speaker (16 kHz mono)")
    add(
        "--pose",
        type=Path,
        metavar="FILE.npz",
        help="what the camera sees: 'data' (frames, landmarks, channels), 'fps'",
    )
    add("--pose-loop", action="store_true", help="play the landmarks again and again; otherwise once")
    add(
        "--press",
        type=_press,
        action="append",
        metavar="AT[:HOLD]",
        help="press the button AT seconds after the board is connected, for HOLD seconds (default 0.1, a tap); may be "
        "given several times. With --mic and no --press: one tap at once",
    )
    add("--board", default="sim", help="the board under boards/ whose definition it has (default: %(default)s)")
    add(
        "--chip",
        choices=tuple(chip_memories()),
        help="chip whose memory it has (default: that of the board; of the simulator's own board: esp32)",
    )
    add(
        "--profile",
        choices=PROFILES,
        help="what its firmware is for (default: that of the board; motion where the chip cannot hold it all)",
    )
    add(
        "--word-bits",
        type=int,
        choices=(32, 64),
        default=32,
        help="word size of the MicroPython that runs it; 32 is that of a board (default: %(default)s)",
    )
    add(
        "--heap",
        type=_heap,
        metavar="BYTES",
        help="MicroPython heap of the firmware, all at once (default: as on the chip, where it begins small and grows)",
    )
    add(
        "--for",
        dest="seconds",
        type=_seconds,
        metavar="SECONDS",
        help="stop so long after the board was switched on (default: when the last turn and the landmarks are over; "
        "with --pose-loop and no --press, or with nothing to do, at Ctrl-C)",
    )
    add(
        "--room",
        default="demo",
        help="the room to publish landmarks and motion in; empty for none (default: %(default)s)",
    )
    add(
        "--format",
        choices=("auto", "opus", "ima-adpcm", "pcm"),
        default="ima-adpcm",
        help="audio format of the microphone (default: %(default)s)",
    )
    add("--protocol", type=int, choices=(1, 2, 3), default=3, help="framing of binary messages (default: %(default)s)")
    add("--imu", action=argparse.BooleanOptionalAction, default=True, help="publish the motion sensor (default: yes)")
    add("--device-id", metavar="MAC", help=f"the board's address (default: the first free one from {DEVICE_ID} on)")
    add("--json", action="store_true", help="print a report as JSON on stdout at the end; all else goes to stderr")
    add("--verbose", action="store_true", help="show every line that the firmware prints")


def run(args: argparse.Namespace) -> int:
    """Run the board; 0 when it was connected, else 1. Raises SimulatorError for files that cannot be used."""
    # Files first: a board is not started for a name that was mistyped.
    if args.mic is not None:
        read_wav(args.mic, RATE)
    if args.pose is not None:
        load_recording(args.pose)
    if args.ca is not None:
        _check_certificate(args.ca)
    presses = sorted(args.press or ([Press(0.0, _TAP_SECONDS)] if args.mic is not None else []))
    story = Story(sys.stderr if args.json else sys.stdout, args.verbose)
    with reserved_device_id() if args.device_id is None else nullcontext(args.device_id) as device_id:
        status, report = _report(args, device_id, presses, story)
    if args.json:
        show_json(report)
    else:
        story.summary(report)
    return 0 if report["session_id"] and not status else 1


def _report(
    args: argparse.Namespace, device_id: str, presses: list[Press], story: Story
) -> tuple[int, Mapping[str, Any]]:
    """Run the board; return the exit status so far and the board's report."""
    board = SimBoard(
        websocket_url(args.url),
        token=args.token or None,
        room=args.room or None,
        board=args.board,
        chip=args.chip,
        profile=args.profile,
        heap=args.heap,
        word_bits=args.word_bits,
        audio_format=args.format,
        protocol=args.protocol,
        imu=args.imu,
        device_id=device_id,
        config={"host": {"ca": str(args.ca.resolve())}} if args.ca is not None else None,
        on_line=story.line,
        on_event=story.event,
    )
    if board.profile == "motion" and (args.mic is not None or args.speaker is not None or presses):
        board.close()
        raise SimulatorError(
            f"this board's firmware is for motion, because the chip {board.memory.name} has no room for motion and "
            "voice together: --mic, --speaker and --press want --chip esp32s3-psram"
        )
    status = 0
    failure: PosewireError | None = None
    story.board = board
    story.tell(f"the board is {device_id}")
    with board:
        try:
            _run(board, args, presses, story)
        except KeyboardInterrupt:
            story.tell("stopped")
        except (SimulatorError, HostUnreachableError) as error:
            status, failure = 1, error
            story.tell(f"failed: {in_plain_words(error)}")
        report = board.report()
        if failure is not None:
            report["error"] = {"code": failure.code, "message": str(failure), "remedy": remedy(failure)}
        if args.speaker is not None:
            try:
                board.speaker.save(args.speaker)
            except OSError as error:
                status = 1
                story.tell(f"cannot write {args.speaker}: {error.strerror}")
    return status, report


def _check_certificate(path: Path) -> None:
    try:
        der = path.read_bytes()
        ssl.create_default_context(cadata=der)
    except (OSError, ValueError) as error:
        raise SimulatorError(
            f"{path}: not a certificate in DER form (openssl x509 -in ca.pem -outform DER -out ca.der): {error}"
        ) from error


def _run(board: SimBoard, args: argparse.Namespace, presses: list[Press], story: Story) -> None:
    ends = float("inf") if args.seconds is None else time.monotonic() + args.seconds
    # With --for, a host that comes up late is waited for: the board keeps trying anyway.
    limit = _CONNECT_SECONDS if args.seconds is None else ends - time.monotonic()
    wait_connected(board, args.token, args.ca, limit, args.seconds is not None, story.tell)
    if args.pose is not None and any(_NO_CAMERA in line for line in board.log):
        raise SimulatorError("the board has no room for the landmarks of --pose: --chip esp32s3-psram has")
    start = time.monotonic()
    length = board.camera.play(args.pose, loop=args.pose_loop) if args.pose is not None else 0.0
    for press in presses:
        if not _sleep(board, start + press.at, ends):
            return
        story.mic = args.mic
        board.button.down()
        _sleep(board, time.monotonic() + press.hold, ends)
        board.button.up()
        _sleep(board, time.monotonic() + _SETTLE_SECONDS, ends)
        story.mic = None
    # Landmarks that are played again and again are never over; a turn is.
    if args.seconds is not None or (not presses and (args.pose_loop or not length)):
        _sleep(board, ends, ends)
    else:
        board.wait(lambda: _over(board, args.pose_loop), _TURN_SECONDS + length, "the turn to be over")
        # What was last seen or said is still on its way out.
        _sleep(board, time.monotonic() + _SETTLE_SECONDS, ends)


def _sleep(board: SimBoard, until: float, ends: float) -> bool:
    """Sleep until a moment, but no longer than the run lasts; False when the run is over."""
    board.wait(lambda: time.monotonic() >= min(until, ends), float("inf"), "the next step")
    return time.monotonic() < ends


def _over(board: SimBoard, pose_loops: bool) -> bool:
    posing = board.camera.playing and not pose_loops
    return board.state in ("idle", "offline") and board.speaker.is_silent(0.2) and not posing


def _heap(text: str) -> int:
    try:
        heap = int(text)
    except ValueError:
        heap = 0
    if heap < LEAST_HEAP:
        raise argparse.ArgumentTypeError(f"must be a number of bytes, at least {LEAST_HEAP}, not {text!r}")
    return heap


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, not {text!r}")
    return seconds


def _press(text: str) -> Press:
    at, _, hold = text.partition(":")
    try:
        press = Press(float(at), float(hold) if hold else _TAP_SECONDS)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be AT[:HOLD] in seconds, like 0, 1.5 or 0:2.5, not {text!r}") from None
    if press.at < 0 or press.hold <= 0:
        raise argparse.ArgumentTypeError(f"AT must not be negative, and HOLD must be more than 0, not {text!r}")
    return press
