"""Show the whole thing on this machine: a host, a simulated board with the real firmware, voice, and motion.

Takes about a minute, needs no hardware and no keys. What the board said, what the room received and a picture of the
motion are left in a folder. Exit status 0 means that every step really happened.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire import __version__
from posewire.boards.chip_memory import chip_memories
from posewire.demo.comparison import largest_error
from posewire.demo.console import Console
from posewire.demo.motion_picture import draw_motion
from posewire.demo.story import StepError, Story
from posewire.demo.watcher import RoomWatcher, Seen
from posewire.errors import ConfigError, PosewireError
from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.terminal import show_json

_DATA = Path(__file__).parent / "data"
_ROOM = "demo"
_BODY, _IMU = "body33", "imu6"
_SILENCE_WITHIN_MS = 200
_LSB_PER_G = 4096
_RECORDED = 97
_TILT = (0.5, 0.0, 0.866)
"""Acceleration in g of a board that is tilted by 30 degrees."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire demo``."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo-out"),
        metavar="FOLDER",
        help="folder for the results (default: demo-out)",
    )
    parser.add_argument("--json", action="store_true", help="print session.json at the end; all else goes to stderr")
    parser.add_argument(
        "--chip", choices=tuple(chip_memories()), default="esp32s3-psram", help="MicroPython heap of the board"
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 when all of its steps happened, else 1."""
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {args.out}: {error.strerror}") from None
    console = Console(sys.stderr if args.json else sys.stdout)
    story = Story(console.say)
    started = datetime.now(UTC)
    session: dict[str, Any] = {"posewire": __version__, "started": started.isoformat(timespec="seconds")}
    try:
        console.say(f"Posewire {__version__}: host, simulated board, voice and motion on this machine")
        with HostProcess(on_event=console.host_event) as host:
            console.say(f"host ready on {host.url}")
            with (
                RoomWatcher(host.url, _ROOM, console.detail) as watcher,
                SimBoard(url=host.url, chip=args.chip, room=_ROOM) as board,
            ):
                _play(story, host, board, watcher, args.out, session)
            session["host_events"] = host.events
    except StepError:
        console.say("stopped: the rest needs that step")
    except PosewireError as error:
        why = str(error)
        story.step("the demo runs to its end", lambda details: _fail(why))
    session["ok"] = story.ok
    session["steps"] = [vars(step) for step in story.steps]
    (args.out / "session.json").write_text(json.dumps(session, indent=1, ensure_ascii=False, default=str) + "\n")
    failed = [step.title for step in story.steps if not step.ok]
    seconds = (datetime.now(UTC) - started).total_seconds()
    console.say(f"\n{len(story.steps) - len(failed)} of {len(story.steps)} steps happened, in {seconds:.0f} s")
    for name in sorted(path.name for path in args.out.iterdir()):
        console.say(f"  {args.out / name}")
    if args.json:
        show_json(session)
    return int(bool(failed))


def _play(
    story: Story, host: HostProcess, board: SimBoard, watcher: RoomWatcher, out: Path, session: dict[str, Any]
) -> None:
    recording = _DATA / "body33.npz"

    def connect(details: dict[str, Any]) -> str:
        board.wait_connected(timeout=20)
        board.wait(lambda: bool(host.logged("tools")), timeout=10, what="the host to list the board's tools")
        hello = host.logged("hello", device=board.device_id)[-1]
        details.update(hello)
        session["session_id"] = board.snapshot()["session_id"]
        return (
            f"session {hello['session']}, frame protocol {hello['protocol']}, {hello['format']} at {hello['rate']} Hz, "
            f"{host.logged('tools')[-1]['count']} tools on the board"
        )

    def move(details: dict[str, Any]) -> str:
        board.imu.play(*_rocking())
        board.camera.play(recording, loop=True)
        board.wait(lambda: len(watcher.counts()) >= 2, timeout=10, what="both pose streams to arrive in the room")
        return "camera keypoints and IMU arrive in the room; the second client decodes them"

    story.step("the board connects and both sides say hello", connect, needed=True)
    story.step("motion begins to flow into the room", move)
    story.step(
        'somebody taps the button and a synthetic voice says "turn the light blue"',
        lambda details: _ask_for_light(host, board, out, details),
    )
    story.step(
        'somebody holds the button and a recorded human says "go forward ten meters"',
        lambda details: _ask_to_drive(host, board, details),
    )
    story.step(
        "a long answer is interrupted by the button",
        lambda details: _interrupt(host, board, details),
    )
    story.step(
        "the received motion is the recorded motion", lambda details: _compare(board, watcher, recording, details)
    )
    session["board"] = board.report()
    _picture(watcher, out)


def _ask_for_light(host: HostProcess, board: SimBoard, out: Path, details: dict[str, Any]) -> str:
    board.mic.play(_DATA / "turn_the_light_blue.wav")
    board.button.press(hold=0.1)
    board.wait(lambda: board.led.color == (0, 0, 255), timeout=15, what="the LED to turn blue")
    board.wait(lambda: board.speaker.audible_seconds > 0.3, timeout=10, what="an answer on the speaker")
    _wait_for_end_of_turn(board)
    board.speaker.save(out / "reply.wav")
    details.update(_turn(host, board))
    return (
        f'heard "{board.stt[-1]}", called {board.tool_calls[-1]["name"]}, the LED is {board.led.color}, '
        f"{board.speaker.audible_seconds:.1f} s of speech in reply.wav"
    )


def _ask_to_drive(host: HostProcess, board: SimBoard, details: dict[str, Any]) -> str:
    before = len(board.tool_calls)
    seconds = board.mic.play(_DATA / "go_forward_ten_meters.wav")
    board.button.press(hold=seconds + 0.2)
    board.wait(lambda: len(board.tool_calls) > before, timeout=15, what="a call of the robot's tool")
    call = board.tool_calls[-1]
    if call["name"] != "self.robot.drive" or call["arguments"] != {"direction": "forward", "meters": 10}:
        _fail(f'heard "{board.stt[-1]}" and called {call}')
    _wait_for_end_of_turn(board)
    details.update(_turn(host, board))
    return f'heard "{board.stt[-1]}", called {call["name"]} {call["arguments"]}'


def _interrupt(host: HostProcess, board: SimBoard, details: dict[str, Any]) -> str:
    before = board.speaker.audible_seconds
    board.mic.play(_DATA / "what_can_you_do.wav")
    board.button.press(hold=0.1)
    board.wait(lambda: board.speaker.audible_seconds > before + 1.0, timeout=20, what="a second of the long answer")
    pressed = time.monotonic()
    board.button.press(hold=0.1)
    board.wait(lambda: board.speaker.is_silent(last=0.6), timeout=10, what="silence")
    silent_ms = max(0.0, ((board.speaker.silent_since() or pressed) - pressed) * 1000)
    details["silent_after_ms"] = round(silent_ms)
    if not host.logged("abort"):
        _fail("the host never got the abort")
    if silent_ms > _SILENCE_WITHIN_MS:
        _fail(f"the speaker went on for {silent_ms:.0f} ms")
    return f"the speaker is silent {silent_ms:.0f} ms after the press"


def _compare(board: SimBoard, watcher: RoomWatcher, recording: Path, details: dict[str, Any]) -> str:
    board.imu.set(accel=_TILT, gyro=(0.0, 0.0, 0.0))
    time.sleep(0.3)
    sent = board.snapshot()["sent"]["pose"]
    board.wait(lambda: _packets(watcher) >= sent, timeout=5, what=f"all {sent} packets to arrive")
    counts = watcher.counts()
    bodies = watcher.seen(_BODY)
    with np.load(recording) as data:
        frames, fps = data["data"], float(data["fps"])
    worst = largest_error([entry.received.pose for entry in bodies], _BODY, frames, fps)
    received = _packets(watcher)
    lost = sum(count.missing for count in counts.values())
    undecodable = sum(count.undecodable for count in counts.values())
    body, imu = counts[_BODY], counts[_IMU]
    details.update(
        sent=sent, received=received, lost=lost, undecodable=undecodable, body_bytes=body.bytes / body.packets,
        imu_bytes=imu.bytes / imu.packets, largest_error_steps=worst, body_hz=_rate(bodies),
    )  # fmt: skip
    tilt = watcher.seen(_IMU)[-1].received.pose.values[_IMU][0] / _LSB_PER_G
    details["imu_g"] = tilt.tolist()
    summary = (
        f"{sent} packets sent, {sent - lost} of them received, {lost} lost, {undecodable} undecodable; "
        f"body {body.bytes / body.packets:.0f} bytes a frame at {_rate(bodies):.1f} Hz, "
        f"IMU {imu.bytes / imu.packets:.0f} bytes; largest error {worst:.3f} of a step"
    )
    if worst > 0.5 or lost or undecodable or not np.allclose(tilt, _TILT, atol=0.01):
        _fail(summary)
    return summary


def _rocking() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return times (s), acceleration (g) and turn rate (degrees/s) of a board that is rocked for two minutes."""
    times = np.arange(0, 120, 0.01)
    angle = 0.6 * np.sin(2 * np.pi * 0.5 * times) * np.sin(2 * np.pi * 0.05 * times)
    still = np.zeros_like(times)
    accel = np.stack((np.sin(angle), still, np.cos(angle)), axis=1)
    gyro = np.stack((still, np.degrees(np.gradient(angle, times)), still), axis=1)
    return times, accel, gyro


def _packets(watcher: RoomWatcher) -> int:
    return sum(count.packets for count in watcher.counts().values())


def _rate(seen: Sequence[Seen]) -> float:
    return (len(seen) - 1) / (seen[-1].at - seen[0].at) if len(seen) > 1 else 0.0


def _picture(watcher: RoomWatcher, out: Path) -> None:
    bodies = [entry.received.pose for entry in watcher.seen(_BODY)]
    imu = [entry.received.pose for entry in watcher.seen(_IMU)]
    if not bodies or not imu:
        return
    start = bodies[0].time_ms
    times = [(pose.time_ms - start) / 1000 for pose in bodies]
    values = np.stack([pose.values[_BODY] for pose in bodies])
    wrists = values[:, [15, 16], :2].reshape(len(bodies), 4)
    picture = draw_motion(
        f"Motion received in the room: {len(bodies)} body frames, {len(imu)} IMU samples",
        times[:_RECORDED],
        values[:_RECORDED],
        [
            ("left and right wrist, x and y", times, wrists),
            (
                "accelerometer, g",
                [(pose.time_ms - imu[0].time_ms) / 1000 for pose in imu],
                np.stack([pose.values[_IMU][0] / _LSB_PER_G for pose in imu]),
            ),
        ],
    )
    (out / "motion.svg").write_text(picture, encoding="utf-8")


def _wait_for_end_of_turn(board: SimBoard) -> None:
    board.wait(lambda: board.snapshot()["state"] == "idle", timeout=20, what="the end of the turn")


def _ended(host: HostProcess, heard: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the reports of turns since one was heard."""
    return [entry for entry in host.logged("turn") if entry["time"] >= heard["time"]]


def _turn(host: HostProcess, board: SimBoard) -> dict[str, Any]:
    """Return what happened in the last turn: texts, tools, milliseconds of each stage."""
    heard = [entry for entry in host.events if entry.get("event") == "heard"][-1]
    board.wait(lambda: bool(_ended(host, heard)), timeout=5, what="the report of the turn")
    later = [entry for entry in host.events if entry.get("time", 0) >= heard["time"]]
    return {
        "heard": heard["text"],
        "says": [entry["text"] for entry in later if entry.get("event") == "says"],
        "stages_ms": {name: took for name, took in _ended(host, heard)[0].items() if name.endswith("_ms")},
        "led": board.led.color,
    }


def _fail(message: str) -> str:
    raise StepError(message)
