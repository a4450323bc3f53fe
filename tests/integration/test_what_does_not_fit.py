"""A part that a chip has no memory for is left out by name: the board is there all the same, and the host shows it."""

import json
from urllib.request import urlopen

import pytest

from posewire import cli
from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.interpreter import find_interpreter
from posewire.sim.memory_model import ROOMY_CHIP

SEND_AND_FOLLOW = {"pose": {"room": "studio", "imu": True, "imu_hz": 100, "receive": "body33"}}
"""The settings at the top of docs/motion.md."""


def report_of(host: HostProcess, board: SimBoard) -> dict[str, object]:
    """The board's own report as the host tells it; empty until there is one."""
    address = host.url.replace("ws://", "http://").partition("/posewire")[0]
    with urlopen(f"{address}/api/devices") as answer:
        devices = {device["device"]: device["report"] for device in json.load(answer)["devices"]}
    return devices.get(board.device_id) or {}


@pytest.mark.skipif(not find_interpreter().viper, reason="no model of the memory on this processor")
def test_a_board_that_can_send_but_not_follow_sends_and_the_host_shows_what_is_left_out() -> None:
    with HostProcess() as host, SimBoard(host.url, config=SEND_AND_FOLLOW) as board:
        board.wait_connected(timeout=30)
        board.wait(lambda: board.snapshot()["sent"]["pose"] > 50, timeout=30, what="motion to be sent")
        board.wait(
            lambda: "follow" in str(report_of(host, board).get("left_out")), timeout=30, what="the host to show it"
        )
        assert "it needs" in board.snapshot()["left_out"]["follow"]
        assert board.resets == 0
        assert report_of(host, board)["restarts"] == 0
        assert any("left out: follow: it needs" in line for line in board.errors)


def test_a_board_with_memory_does_both() -> None:
    with HostProcess() as host, SimBoard(host.url, chip=ROOMY_CHIP, config=SEND_AND_FOLLOW) as board:
        board.wait_connected(timeout=30)
        board.wait(lambda: board.snapshot()["sent"]["pose"] > 50, timeout=30, what="motion to be sent")
        assert board.snapshot()["left_out"] == {}
        assert board.snapshot()["receiver"]["state"]
        assert board.errors == []


@pytest.mark.skipif(not find_interpreter().viper, reason="no model of the memory on this processor")
def test_a_voice_is_not_asked_of_a_board_that_has_no_room_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sim", "device", "--url", "ws://127.0.0.1:9/", "--press", "1"]) == 2
    assert "the chip esp32 has no room for motion and voice together" in capsys.readouterr().err
