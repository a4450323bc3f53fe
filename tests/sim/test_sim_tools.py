"""The tools of parts that a board may have: relays, servos, free pins, the gyroscope's rest."""

import json
import shutil
from pathlib import Path

import pytest

from posewire.boards.folders import board_folder
from posewire.sim import board as sim_board_module
from posewire.sim.board import SimBoard
from posewire.sim.fixtures import MakeBoard
from posewire.sim.memory_model import ROOMY_CHIP
from support.servers.small_host import SmallHost


def call(host: SmallHost, board: SimBoard, name: str, **arguments: object) -> dict[str, object]:
    before = len(host.of_type("mcp"))
    host.call(name, **arguments)
    board.wait(lambda: len(host.of_type("mcp")) > before, what="the answer")
    payload: dict[str, object] = host.of_type("mcp")[-1]["payload"]
    return payload


def test_relays_servos_and_free_pins(host: SmallHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "board"
    shutil.copytree(board_folder("sim"), folder)
    text = (folder / "board.toml").read_text()
    pins = "[pins]\nrelay = 1\nrelay_fan = 3\nservo_arm = 2\ngpio_a = 8\ngpio_b = 9\n"
    text = text.replace("[pins]\n", pins).replace("[board]\n", '[board]\ninverted = ["relay_fan"]\n')
    (folder / "board.toml").write_text(text)
    monkeypatch.setattr(sim_board_module, "board_folder", lambda name: folder)
    with SimBoard(host.url, chip=ROOMY_CHIP) as board:
        board.wait_connected()
        call(host, board, "self.relay.set", on=True)
        board.wait(lambda: board.outputs.duty("relay") == 1.0, what="the relay")
        board.wait(lambda: board.outputs.duty("relay_fan") == 1.0, what="the other relay to be off: its pin is high")
        call(host, board, "self.relay_fan.set", on=True)
        board.wait(lambda: board.outputs.duty("relay_fan") == 0.0, what="the other relay")
        call(host, board, "self.servo_arm.set_angle", angle=90)
        # 1.5 ms of 20 ms
        board.wait(lambda: abs(board.outputs.duty("servo_arm") - 0.075) < 0.001, what="the servo")
        assert "error" in call(host, board, "self.servo_arm.set_angle", angle=181)
        call(host, board, "self.gpio.write", pin="b", on=True)
        board.wait(lambda: board.outputs.duty("gpio_b") == 1.0, what="the pin")
        answer = json.dumps(call(host, board, "self.gpio.read", pin="a"))
        assert '\\"text\\": \\"false\\"' in json.dumps(answer)
        # What is driven can be read, and is driven still.
        answer = json.dumps(call(host, board, "self.gpio.read", pin="b"))
        assert '\\"text\\": \\"true\\"' in json.dumps(answer)
        assert board.outputs.duty("gpio_b") == 1.0
        call(host, board, "self.servo_arm.release")
        board.wait(lambda: board.outputs.duty("servo_arm") == 0.0, what="the servo to be free")


def test_the_gyroscope_is_calibrated(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, room="studio", config={"pose": {"imu_hz": 100}})
    board.wait_connected()
    board.imu.set(accel=(0, 0, 1), gyro=(3, -2, 1))
    result = call(host, board, "self.imu.calibrate")
    assert "result" in result
