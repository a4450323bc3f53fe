"""Board definitions on the simulated hardware: the firmware finds the parts that they name."""

import pytest

from posewire.boards.definition import load_board
from posewire.boards.folders import board_folder
from posewire.sim.board import ROOMY_CHIP, SimBoard
from support.small_host import SmallHost


@pytest.mark.parametrize(
    ("name", "imu"),
    [
        ("esp32-devkit", "mpu6050"),
        ("waveshare-s3-touch-lcd-1.46", "qmi8658"),
        ("m5-atom-matrix-echo-base", "mpu6886"),
        ("xmini-c3", None),
        ("esp32-s3-box-3", None),
        ("xiao-esp32c3-motion", "mpu6050"),
    ],
)
def test_a_board_runs(name: str, imu: str | None) -> None:
    profile = "motion" if imu is not None else None
    # The memory of the C3 has not been measured: what is known of it is too little to fail by.
    chip = ROOMY_CHIP if load_board(board_folder(name)).chip.name == "esp32c3" else None
    with SmallHost() as host, SimBoard(host.url, chip=chip, room="studio", board=name, profile=profile) as board:
        board.wait_connected(timeout=20)
        if imu is not None:
            board.wait(lambda: board.snapshot()["imu"]["samples"] > 3, what="the motion sensor")
            assert board.snapshot()["imu"]["chip"] == imu
        # A plain ESP32 has no room for two sources of motion; which one it leaves out it says by name.
        left_out = {"keypoints"} if name == "esp32-devkit" else set()
        assert set(board.snapshot()["left_out"]) == left_out
        assert len(board.errors) == len(left_out)
        assert host.of_type("hello")[0]["device"]["board"] == name
