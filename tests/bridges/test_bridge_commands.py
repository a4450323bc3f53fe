"""The commands, as programs of their own: ready, at work, and their reports at the end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bridges.conftest import OscProgram, member, send_until
from posewire.cli import main
from posewire.server.host import Host

ROOT = Path(__file__).parents[2]


def command(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "posewire", "bridge", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "host")},
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_it_says_when_it_is_ready_and_at_the_end_what_passed(host: Host, program: OscProgram) -> None:
    to = f"127.0.0.1:{program.address[1]}"
    process = command("osc", "--room", "studio", "--to", to, "--url", host.url)
    try:
        assert process.stdout is not None
        ready = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 60)
        assert ready == f"studio: OSC to {to} (Ctrl-C ends it)\n"
        async with member(host, "arm") as room:
            sender = room.sender(fps=100)
            hand = np.full((21, 3), 0.5)
            await send_until(lambda: sender.send(left_hand=hand), lambda: program.last("/posewire/pose/arm/hand21"))
        process.send_signal(signal.SIGINT)
        said, _ = await asyncio.to_thread(process.communicate, timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert "poses out" in said
    assert process.returncode == 0


async def test_a_report_for_programs(host: Host) -> None:
    process = command("vmc", "--room", "studio", "--listen", "0", "--url", host.url, "--seconds", "0.5", "--json")
    said, _ = await asyncio.to_thread(process.communicate, timeout=60)
    assert json.loads(said) == {"poses out": 0, "poses in": 0, "refused": 0}


def test_a_bridge_to_nowhere_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bridge", "osc", "--room", "studio"]) == 2
    assert "--to HOST:PORT" in capsys.readouterr().err
    assert main(["bridge", "vmc", "--room", "studio", "--aspect", "wide"]) == 2
    assert "like 4:3 or 16:9" in capsys.readouterr().err
