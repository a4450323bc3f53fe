"""Two simulated boards with the same file: the servo of each leans as the other one is leant."""

from pathlib import Path

from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP

EXAMPLE = Path(__file__).parents[2] / "examples" / "mirror" / "user_tools.py"


def board(host: HostProcess, number: int) -> SimBoard:
    return SimBoard(
        host.url, chip=ROOMY_CHIP, room="studio", device_id=f"02:00:00:00:00:0{number}",
        config={"pose": {"receive": "imu6", "keypoints": False}}, user_tools=EXAMPLE,
    )  # fmt: skip


def leans(board: SimBoard) -> float:
    """Where the servo is, from 0 to 1: a pulse of 1 to 2 ms in each 20 ms."""
    return board.outputs.duty("servo_left") * 20 - 1


def test_two_boards_mirror_each_other() -> None:
    with HostProcess() as host, board(host, 1) as one, board(host, 2) as other:
        for each in (one, other):
            each.wait_connected(timeout=30)
        one.imu.set(accel=(0, 0.5, 0.87))
        other.imu.set(accel=(0, -1, 0))
        other.wait(lambda: abs(leans(other) - 0.75) < 0.01, timeout=30, what="the servo to lean half to one side")
        one.wait(lambda: abs(leans(one) - 0.0) < 0.01, timeout=30, what="the servo to lean to the other side")
        one.imu.set(accel=(0, -0.5, 0.87))
        other.wait(lambda: abs(leans(other) - 0.25) < 0.01, timeout=30, what="the servo to follow")
