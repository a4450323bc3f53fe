"""`posewire provision` and `posewire doctor PORT` at the serial port of a board that runs the real firmware."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from posewire.cli import main
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.parts.wifi import PASSWORD, SSID
from support.serial.console_port import console_port
from support.servers.small_host import SmallHost


@pytest.fixture
def board() -> Iterator[SimBoard]:
    """It knows no network and no host."""
    with SimBoard(
        "ws://posewire.invalid:8000/posewire/v1/", chip=ROOMY_CHIP, config={"wifi": []}, imu=False
    ) as running:
        yield running


@pytest.fixture
def port(board: SimBoard) -> Iterator[str]:
    """The board's console as a serial port."""
    with console_port(board) as name:
        yield name


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_board_gets_its_network_and_its_host(
    board: SimBoard, port: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password, token = tmp_path / "password", tmp_path / "token"
    password.write_text(PASSWORD + "\n")
    token.write_text("secret")
    with SmallHost() as host:
        options = ["--ssid", SSID, "--password-file", str(password), "--url", host.url, "--token-file", str(token)]
        assert main(["provision", "--port", port, "--json", *options]) == 0
        done = result(capsys)
        assert done["host"] == host.url
        assert done["ssid"] == SSID
        board.wait(lambda: board.connected, 30, "the board to connect")
        assert host.sockets[-1].request.headers["Authorization"] == "Bearer secret"
        assert main(["doctor", port, "--json"]) == 0
        found = {entry["name"]: entry["text"] for entry in json.loads(capsys.readouterr().out)}
        assert "Posewire" in found["firmware"]
        assert found["network"] == "it has its network"


def test_a_wrong_password_a_scan_and_what_is_missing(
    board: SimBoard, port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POSEWIRE_WIFI_PASSWORD", raising=False)
    assert main(["provision", "--port", port, "--json", "--scan"]) == 0
    assert SSID in result(capsys)["networks"]  # type: ignore[operator]
    assert main(["provision", "--port", port, "--json", "--ssid", SSID]) == 2
    assert "no password was given: set POSEWIRE_WIFI_PASSWORD" in capsys.readouterr().err
    assert main(["provision", "--port", port, "--json"]) == 2
    assert "name the network" in capsys.readouterr().err
    monkeypatch.setenv("POSEWIRE_WIFI_PASSWORD", "wrong one")
    assert main(["provision", "--port", port, "--json", "--ssid", SSID]) == 2
    assert "could not join the network" in capsys.readouterr().err


def test_what_makes_no_sense_is_told_before_the_port_is_opened(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provision", "--port", "/dev/nowhere", "--url", "http://x"]) == 2
    assert "must begin with ws:// or wss://" in capsys.readouterr().err
    assert main(["provision", "--port", "/dev/nowhere", "--token-file", "/no/file"]) == 2
    assert "cannot read /no/file" in capsys.readouterr().err
    assert main(["provision", "--ssid", "home", "--dry-run"]) == 0
    assert "network: home; host: as it is; token: as it is" in capsys.readouterr().out
