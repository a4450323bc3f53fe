"""``posewire sim device`` against a host that wants a code confirmed: what it says while it waits, and how it ends."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from posewire.server.host_process import HostProcess
from support.pty_session import PtySession

_SETTINGS = """
[auth]
token_file = "{folder}/token"
pairing = true
[store]
path = "{folder}/store.db"
[voice]
enabled = false
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("a token of more than sixteen characters")
    file = tmp_path / "host.toml"
    file.write_text(_SETTINGS.format(folder=tmp_path))
    return file


@pytest.fixture
def waiting(settings: Path) -> Iterator[tuple[PtySession, str]]:
    """A board that shows a code, and the code."""
    with (
        HostProcess("--config", str(settings)) as host,
        PtySession(["sim", "device", "--chip", "esp32s3-psram", "--url", host.url]) as board,
    ):
        board.wait_for(r"10 minutes for each code; Ctrl-C ends it")
        found = re.search(r"pairing code: (\d+)", board.output)
        assert found is not None
        yield board, found[1]


def devices(action: str, code: str, settings: Path) -> None:
    command = [sys.executable, "-m", "posewire", "devices", action, code, "--config", str(settings)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_a_board_that_is_refused_ends_at_once(waiting: tuple[PtySession, str], settings: Path) -> None:
    board, code = waiting
    devices("refuse", code, settings)
    assert board.end() == 1
    assert "failed: this host has refused to pair the board" in board.output


def test_a_board_whose_code_is_confirmed_goes_on(waiting: tuple[PtySession, str], settings: Path) -> None:
    board, code = waiting
    devices("pair", code, settings)
    board.wait_for(r"connected, session")
    board.interrupt()
    assert board.end() == 0


def test_ctrl_c_ends_the_wait(waiting: tuple[PtySession, str]) -> None:
    board, _ = waiting
    board.interrupt()
    assert board.end() == 1
    assert "Traceback" not in board.output
