"""Everything together in real processes: a host, and the real firmware in a real MicroPython on simulated hardware."""

import json
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from posewire.demo.comparison import largest_error
from posewire.demo.watcher import RoomWatcher
from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP

DATA = Path(__file__).parents[2] / "host" / "posewire" / "demo" / "data"
BLUE, DRIVE, HELP = (
    DATA / f"{name}.wav" for name in ("turn_the_light_blue", "go_forward_ten_meters", "what_can_you_do")
)


@pytest.fixture(scope="module")
def shared_host() -> Iterator[HostProcess]:
    with HostProcess() as running:
        yield running


@pytest.fixture
def host(shared_host: HostProcess) -> HostProcess:
    """A host that runs already: each test has boards of its own, and starts it again if it kills it."""
    shared_host.events.clear()
    return shared_host


@pytest.fixture
def board(host: HostProcess) -> Iterator[SimBoard]:
    with SimBoard(url=host.url, chip=ROOMY_CHIP, room="studio") as running:
        running.wait_connected(timeout=20)
        running.wait(lambda: bool(host.logged("tools")), what="the host to list the tools")
        yield running


def until_idle(board: SimBoard) -> None:
    board.wait(lambda: board.snapshot()["state"] == "idle", timeout=30, what="the board to be idle again")


def test_a_spoken_command_changes_the_light_and_is_answered(board: SimBoard, tmp_path: Path) -> None:
    board.mic.play(BLUE)
    board.button.press(hold=0.1)
    board.wait(lambda: board.led.color == (0, 0, 255), timeout=20, what="the light to turn blue")
    until_idle(board)
    assert board.stt[-1] == "turn the light blue"
    assert board.tool_calls[-1] == {
        "name": "self.led.set_color",
        "arguments": {"red": 0, "green": 0, "blue": 255},
    }
    board.speaker.save(tmp_path / "reply.wav")
    with wave.open(str(tmp_path / "reply.wav")) as reply:
        assert reply.getframerate() == 16000
        sound = np.frombuffer(reply.readframes(reply.getnframes()), "<i2")
    assert len(sound) > 0.3 * 16000
    assert np.abs(sound).max() > 3000


def test_a_human_recording_drives_the_robot_while_the_button_is_held(board: SimBoard) -> None:
    seconds = board.mic.play(DRIVE)
    board.button.press(hold=seconds + 0.2)
    board.wait(lambda: bool(board.tool_calls), timeout=20, what="a tool call")
    assert board.tool_calls[-1] == {
        "name": "self.robot.drive",
        "arguments": {"direction": "forward", "meters": 10},
    }


def test_the_button_interrupts_the_answer(host: HostProcess, board: SimBoard) -> None:
    board.mic.play(HELP)
    board.button.press(hold=0.1)
    board.wait(lambda: board.speaker.audible_seconds > 0.8, timeout=20, what="the answer to begin")
    board.button.press(hold=0.1)
    board.wait(lambda: board.speaker.is_silent(last=0.5), what="silence")
    board.wait(lambda: bool(host.logged("abort")), what="the host to be told")
    until_idle(board)
    # The next turn works as if nothing had been.
    board.mic.play(BLUE)
    board.button.press(hold=0.1)
    board.wait(lambda: board.led.color == (0, 0, 255), timeout=20, what="the light to turn blue")


def test_motion_arrives_exactly(host: HostProcess, board: SimBoard) -> None:
    with RoomWatcher(host.url, "studio") as watcher:
        board.imu.set(accel=(0.0, 0.6, 0.8), gyro=(0.0, 0.0, 0.0))
        board.camera.play(DATA / "body33.npz")
        board.wait(lambda: len(watcher.seen("body33")) >= 60, timeout=20, what="60 bodies to arrive")
        with np.load(DATA / "body33.npz") as recording:
            bodies = [seen.received.pose for seen in watcher.seen("body33")]
            assert largest_error(bodies, "body33", recording["data"], float(recording["fps"])) <= 0.5
        counts = watcher.counts()
        imu = watcher.seen("imu6")[-1].received.pose.values["imu6"]
        assert np.allclose(imu[0] / 4096, (0.0, 0.6, 0.8), atol=0.01)
        assert all(count.missing == count.undecodable == 0 for count in counts.values())


def test_a_killed_host_is_found_again_when_it_is_back(host: HostProcess, board: SimBoard) -> None:
    host.kill()
    board.wait(lambda: board.snapshot()["state"] == "offline", timeout=20, what="the board to notice")
    host.start()
    board.wait(
        lambda: bool(host.logged("hello")) and len(host.logged("tools")) > 1, timeout=60, what="the board to be back"
    )
    board.mic.play(BLUE)
    board.button.press(hold=0.1)
    board.wait(lambda: board.led.color == (0, 0, 255), timeout=20, what="the light to turn blue")
    assert board.report()["reconnects"] >= 1


def test_a_frozen_host_is_given_up_and_found_again(host: HostProcess) -> None:
    with SimBoard(url=host.url, chip=ROOMY_CHIP, room="studio", config={"host": {"silence": 2}}) as board:
        board.wait_connected(timeout=20)
        host.freeze()
        board.wait(lambda: board.snapshot()["state"] == "offline", timeout=60, what="the board to give up")
        host.thaw()
        board.wait_connected(timeout=60)


def test_lost_wifi_in_the_middle_of_a_sentence(host: HostProcess, board: SimBoard) -> None:
    session = board.snapshot()["session_id"]
    board.mic.play(DRIVE)
    board.button.down()
    board.wait(lambda: board.snapshot()["sent"]["audio"] > 5, what="audio to flow")
    board.wifi.drop()
    board.wait(lambda: board.snapshot()["state"] == "offline", timeout=60, what="the board to notice")
    board.button.up()
    board.wifi.restore()
    board.wait_connected(timeout=60)
    # It comes back to the same session, and works.
    assert board.snapshot()["session_id"] == session
    board.mic.play(BLUE)
    board.button.press(hold=0.1)
    board.wait(lambda: board.led.color == (0, 0, 255), timeout=20, what="the light to turn blue")


def test_a_wrong_token_is_refused_and_the_right_one_works() -> None:
    with HostProcess("--token", "right") as host:
        with SimBoard(url=host.url, chip=ROOMY_CHIP, token="wrong") as board:
            board.wait(lambda: bool(host.logged("refused", code="unauthorized")), timeout=20, what="a refusal")
            assert not board.connected
        with SimBoard(url=host.url, chip=ROOMY_CHIP, token="right") as board:
            board.wait_connected(timeout=20)


def test_the_command_line_board_reports_what_happened(host: HostProcess, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "posewire", "sim", "device", "--chip", ROOMY_CHIP, "--url", host.url, "--mic", str(BLUE),
        "--speaker", str(tmp_path / "out.wav"), "--pose", str(DATA / "body33.npz"), "--press", "1", "--for", "12",
        "--json",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["stt"] == ["turn the light blue"]
    assert report["led"] == [0, 0, 255]
    assert [call["name"] for call in report["tool_calls"]] == ["self.led.set_color"]
    assert report["sent"]["audio"] > 20
    assert report["sent"]["pose"] > 90
    assert report["received"]["audio"] > 10
    assert report["reconnects"] == 0
    assert report["alloc_per_frame"] == 0
    # Of 288 KB, with the firmware as source; docs/performance.md has what stays where its code is in flash.
    # After a collection: the low-water mark (heap_free_min) counts garbage too, and so depends on when one ran.
    assert report["firmware"]["heap_free"] > 36 * 1024
    with wave.open(str(tmp_path / "out.wav")) as sound:
        assert sound.getnframes() > 8000
