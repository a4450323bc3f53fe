"""`posewire serve --try`, which `make try` runs: a host, a page, and a board that moves and talks, by one command."""

import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from posewire.cli import main
from posewire.server.host_process import HostProcess

pytestmark = pytest.mark.timeout(300)


def board(client: httpx2.Client) -> dict[str, Any] | None:
    devices: list[dict[str, Any]] = client.get("/api/devices").json()["devices"]
    return next((each for each in devices if each["session"] and each["session"]["board"]), None)


def test_one_command_gives_a_board_that_moves_and_talks(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text('[store]\npath = ":memory:"\n')
    with HostProcess("--try", "--config", str(config)) as host:
        base = host.url.replace("ws://", "http://").replace("/posewire/v1/", "")
        with httpx2.Client(base_url=base) as client:
            assert "Posewire" in client.get("/").text
            said: list[str] = []
            while not said:
                # It joins a moment after it has said hello.
                if (found := board(client)) is not None and found["session"]["room"]:
                    assert found["session"]["room"] == "demo"
                    turns = client.get(f"/api/devices/{found['device']}/turns").json()["turns"]
                    said = [sentence for turn in turns for sentence in turn["said"]]
                time.sleep(0.2)


def test_a_host_with_authentication_is_not_tried(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--try", "--token", "a token that is long enough"]) == 2
    assert "--try is for a host without authentication" in capsys.readouterr().err
