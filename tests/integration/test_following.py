"""Two boards and a host: one sends what its camera sees, the other one's servos, LEDs or own code follow."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP

ROOT = Path(__file__).parents[2]
BODY = ROOT / "host" / "posewire" / "demo" / "data" / "body33.npz"
EXAMPLES = ROOT / "examples"
FOLLOW = {"pose": {"receive": "body33", "keypoints": False, "hold_ms": 400, "relax_ms": 1500}}
LEFT_WRIST, RIGHT_WRIST, Y = 15, 16, 1


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
def sender(host: HostProcess) -> Iterator[SimBoard]:
    with SimBoard(host.url, chip=ROOMY_CHIP, room="studio", imu=False, device_id="02:00:00:00:00:01") as board:
        board.wait_connected(timeout=20)
        yield board


def follower(host: HostProcess, example: str) -> SimBoard:
    return SimBoard(
        host.url, chip=ROOMY_CHIP, room="studio", imu=False, device_id="02:00:00:00:00:02", config=FOLLOW,
        user_tools=EXAMPLES / example / "user_tools.py",
    )  # fmt: skip


def receiver(board: SimBoard) -> dict[str, object]:
    state: dict[str, object] = board.snapshot()["receiver"]
    return state


def wave(hand: float, frames: int = 1) -> np.ndarray:
    """A body that stands still but for its wrists, which are at this height of the picture."""
    with np.load(BODY) as recording:
        body = recording["data"][:1].repeat(frames, axis=0).astype(np.float32)
    body[:, (LEFT_WRIST, RIGHT_WRIST), Y] = hand
    return body


def test_servos_follow_hold_and_let_go(host: HostProcess, sender: SimBoard) -> None:
    with follower(host, "follow_servos") as board:
        board.wait_connected(timeout=20)
        sender.camera.play(BODY, loop=True)
        board.wait(lambda: len(board.outputs.history("servo_left")) > 60, timeout=30, what="the servo to move")
        with np.load(BODY) as recording:
            heights = 1 - np.clip(recording["data"][:, LEFT_WRIST, Y], 0, 1)
        # A servo's pulse goes from 1 ms to 2 ms of each 20 ms.
        positions = [drive.duty * 20 - 1 for drive in board.outputs.history("servo_left") if drive.duty]
        # Every position that it took is one of the recording's, and it went the way that the wrist went.
        assert all(np.abs(heights - position).min() < 0.003 for position in positions)
        assert max(positions) - min(positions) > 0.5 * (heights.max() - heights.min())
        assert all(drive.frequency == 50 for drive in board.outputs.history("servo_left"))

        sender.camera.play(wave(0.25, 90), kind="body33")
        board.wait(lambda: abs(board.outputs.duty("servo_left") * 20 - 1.75) < 0.003, what="the left servo at 75 %")
        board.wait(lambda: abs(board.outputs.duty("servo_right") * 20 - 1.25) < 0.003, what="the right one, turned")
        host.kill()
        board.wait(lambda: receiver(board)["state"] == "held", what="the pose to be held")
        assert abs(board.outputs.duty("servo_left") * 20 - 1.75) < 0.003
        board.wait(lambda: board.outputs.duty("servo_left") == 0 == board.outputs.duty("servo_right"), what="rest")
        assert receiver(board)["state"] == "lost"

        # And it goes on when all are back, without help.
        host.start()
        sender.camera.play(wave(0.5, 3), kind="body33", loop=True)
        board.wait(lambda: abs(board.outputs.duty("servo_left") * 20 - 1.5) < 0.003, timeout=60, what="it to follow")


def test_a_follower_that_comes_late_loses_packets_or_the_sender(host: HostProcess, sender: SimBoard) -> None:
    sender.camera.play(BODY, loop=True)
    sender.wait(lambda: sender.snapshot()["sent"]["pose"] > 30, what="the stream to run")
    with follower(host, "follow_servos") as board:
        board.wait(lambda: receiver(board)["frames"] > 20, timeout=30, what="poses")
        board.network.cut(refuse=False)
        board.wait(lambda: receiver(board)["state"] != "live", what="the pose to age")
        board.network.mend()
        before = int(str(receiver(board)["frames"]))
        board.wait(lambda: int(str(receiver(board)["frames"])) > before + 20, timeout=60, what="poses again")
        # The sender starts anew: another stream of another member, for which the host gives up the old one at once.
        old = receiver(board)["member_id"]
        sender.restart()
        sender.wait_connected(timeout=30)
        board.wait(
            lambda: receiver(board)["member_id"] not in (0, old), timeout=30, what="the new stream to be followed"
        )
        before = int(str(receiver(board)["frames"]))
        board.wait(lambda: int(str(receiver(board)["frames"])) > before + 20, timeout=30, what="the new stream")
        sender.camera.stop()
        board.wait(lambda: receiver(board)["state"] == "lost", timeout=30, what="the stream to be lost")


def test_a_matrix_shows_the_body(host: HostProcess, sender: SimBoard) -> None:
    with follower(host, "follow_matrix") as board:
        board.wait_connected(timeout=20)
        body = wave(0.1, 3)
        body[:, LEFT_WRIST : RIGHT_WRIST + 1, 0] = 0.5
        sender.camera.play(body, kind="body33", loop=True)
        board.wait(lambda: any(board.outputs.pixels("matrix")), timeout=30, what="something to be shown")
        assert len(board.outputs.pixels("matrix")) == 25
        assert board.outputs.pixels("matrix")[2] == (0, 40, 0)
        sender.camera.stop()
        board.wait(lambda: board.outputs.pixels("matrix")[2] == (0, 10, 0), what="the pose to be dimmed")
        board.wait(lambda: not any(map(any, board.outputs.pixels("matrix"))), what="the dark")


def test_a_function_of_ones_own(host: HostProcess, sender: SimBoard) -> None:
    with follower(host, "follow_callback") as board:
        board.wait_connected(timeout=20)
        sender.camera.play(wave(0.02, 3), kind="body33", loop=True)
        board.wait(lambda: board.outputs.duty("motor_forward") == 1, timeout=30, what="the lamp")
        sender.camera.play(wave(0.9, 3), kind="body33", loop=True)
        board.wait(lambda: board.outputs.duty("motor_forward") == 0, what="the lamp to go off")
        report = board.report()
        assert report["errors"] == []
