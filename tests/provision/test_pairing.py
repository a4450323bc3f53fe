"""A board without a token gets one: real host, real activation over HTTP, the code confirmed by the real command."""

from pathlib import Path

import pytest

from posewire.cli import main
from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP


def test_a_board_is_paired_by_its_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "posewire.toml"
    store = tmp_path / "posewire.db"
    config.write_text(f'[auth]\npairing = true\n[voice]\nenabled = false\n[store]\npath = "{store}"\n')
    with HostProcess("--config", str(config)) as host, SimBoard(host.url, chip=ROOMY_CHIP, imu=False) as board:
        board.wait(lambda: board.values("pairing"), 40, "a code")
        (code,) = board.values("pairing")
        assert len(code) == 6
        assert code.isdigit()
        board.wait(lambda: any(f"pairing: code {code}" in line for line in board.log), 10, "a line that people read")
        # Whoever looks at the host sees it too, once.
        assert [event["code"] for event in host.logged("pairing_wanted")] == [code]
        # The command as it can be typed here: where the program is, and which configuration it is about.
        assert f"posewire devices pair {code} --config {config}" in host.logged("pairing_wanted")[0]["confirm"]
        assert not board.connected
        assert main(["devices", "pair", code, "--name", "kitchen", "--config", str(config)]) == 0, capsys.readouterr()
        board.wait(lambda: board.connected, 40, "the board to come in")
        assert board.values("pairing") == [code, ""]
        # The token is kept: no second code after the power was off.
        board.restart()
        board.wait(lambda: sum(event.name == "connected" for event in board.events) == 2, 40, "the board to be back")
        assert board.values("pairing") == [code, ""]
        assert board.errors == []


def test_a_board_that_is_refused_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text(
        f'[auth]\npairing = true\n[voice]\nenabled = false\n[store]\npath = "{tmp_path / "posewire.db"}"\n'
    )
    with HostProcess("--config", str(config)) as host, SimBoard(host.url, chip=ROOMY_CHIP, imu=False) as board:
        board.wait(lambda: board.values("pairing"), 40, "a code")
        (code,) = board.values("pairing")
        assert main(["devices", "refuse", code, "--config", str(config)]) == 0
        assert board.device_id in capsys.readouterr().out
        words = "this host has refused to pair the device"
        board.wait(lambda: any(words in line for line in board.log), 40, "the words")
        # The code is none any more, and there is no new one. Log and events come by ways of their own.
        board.wait(lambda: len(board.values("pairing")) > 1, 40, "the code to go")
        assert board.values("pairing") == [code, ""]
        assert not board.connected
        assert len(host.logged("pairing_wanted")) == 1
        assert main(["devices", "pair", code, "--config", str(config)]) != 0
