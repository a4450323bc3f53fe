"""Every board definition starts on the simulated hardware, with its own chip's memory and the profile of its page."""

import pytest

from posewire.boards.board_file import load_board
from posewire.boards.folders import board_folder, board_names
from posewire.sim.board import SimBoard
from support.servers.small_host import SmallHost

MOTION_SENSORS = {
    "esp32-devkit": "mpu6050",
    "waveshare-s3-touch-lcd-1.46": "qmi8658",
    "m5-atom-matrix-echo-base": "mpu6886",
    "xiao-esp32c3-motion": "mpu6050",
}
# What does not fit on a C3, as far as its memory is known: its page says so.
LEFT_OUT = {"xmini-c3": {"voice"}, "xiao-esp32c3-motion": {"keypoints"}}


@pytest.mark.parametrize("name", [name for name in board_names() if name != "sim"])
def test_a_board_runs_with_what_its_page_promises(name: str) -> None:
    profile = load_board(board_folder(name)).board.profile
    room = "studio" if profile == "motion" else None
    with SmallHost() as host, SimBoard(host.url, room=room, board=name) as board:
        board.wait_connected(timeout=30)
        assert host.of_type("hello")[0]["device"]["board"] == name
        assert set(board.snapshot()["left_out"]) == LEFT_OUT.get(name, set())
        assert board.resets == 0


@pytest.mark.parametrize(("name", "chip"), MOTION_SENSORS.items())
def test_a_board_reads_its_motion_sensor(name: str, chip: str) -> None:
    with SmallHost() as host, SimBoard(host.url, room="studio", board=name, profile="motion") as board:
        board.wait_connected(timeout=30)
        board.wait(lambda: board.snapshot()["imu"]["samples"] > 3, what="the motion sensor")
        assert board.snapshot()["imu"]["chip"] == chip


def test_a_chip_without_memory_for_both_goes_on_with_motion() -> None:
    with SmallHost() as host, SimBoard(host.url, chip="esp32", room="studio", profile="full") as board:
        board.wait_connected(timeout=30)
        left_out = board.snapshot()["left_out"]
        assert "voice and motion together need PSRAM" in left_out["voice"]
        board.wait(lambda: board.snapshot()["imu"]["samples"] > 3, what="the motion sensor")
        board.wait(lambda: "voice" in [event["data"].get("part") for event in host.of_type("event")], what="the word")
        assert board.resets == 0
