"""The commands of docs/start.md, one after the other, as far as they go without a board on a cable."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from docs.pages import blocks
from posewire.server.host_process import HostProcess

COMMANDS = [
    shlex.split(line.split("   ")[0].removeprefix(".venv/bin/"), comments=True)
    for block in blocks("sh")
    if block.page == "docs/start.md"
    for line in block.text.splitlines()
]


def command(name: str, *options: str) -> list[str]:
    """Return the one command of the page with this name and these options, without ``posewire``."""
    (found,) = [words[1:] for words in COMMANDS if words[:2] == ["posewire", name] and set(options) <= set(words)]
    return found


def run(words: list[str], home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "posewire", *words],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "HOME": str(home)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expanded(words: list[str], home: Path) -> list[str]:
    """Do what the shell does with ``~``."""
    return [re.sub(r"^~", str(home), word) for word in words]


def test_the_host_that_it_sets_up_runs_and_asks_for_its_token(tmp_path: Path) -> None:
    told = run(expanded(command("init"), tmp_path), tmp_path)
    assert "posewire service install" in told
    token = (tmp_path / "posewire" / "posewire.token").read_text().strip()
    with HostProcess(*expanded(command("serve", "--config"), tmp_path)[1:]) as host:
        port = host.url.rpartition(":")[2].partition("/")[0]
        page = f"http://127.0.0.1:{port}"
        assert "<title>" in httpx2.get(f"{page}/").text
        assert httpx2.get(f"{page}/api/devices").status_code == 401
        answer = httpx2.get(f"{page}/api/devices", headers={"Authorization": f"Bearer {token}"})
        assert answer.json() == {"devices": []}


def test_what_it_puts_on_a_board_is_there(tmp_path: Path) -> None:
    words = command("deploy")
    report = json.loads(run([*words, "--folder", str(tmp_path / "files"), "--json"], tmp_path))
    assert report
    assert (tmp_path / "files" / "board.json").exists()


@pytest.mark.parametrize("name", ["doctor", "flash", "provision"])
def test_the_other_commands_are_there(name: str, tmp_path: Path) -> None:
    assert "--json" in run([command(name)[0], "--help"], tmp_path)
