"""Every program of docs/client.md runs as it stands there, against a real host; only addresses change."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import posewire
from docs.pages import ROOT, blocks
from posewire.measure.report import load_report
from posewire.server.host_process import HostProcess

BLOCKS = [each.text for each in blocks("python") if each.page == "docs/client.md"]
LOCAL = "ws://127.0.0.1:8000/posewire/v1/"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with HostProcess() as host:
        yield host.url


@contextlib.contextmanager
def program(number: int, url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a block as a program of its own, which ends with the context."""
    assert LOCAL in BLOCKS[number]
    (folder / "block.py").write_text(BLOCKS[number].replace(LOCAL, url))
    process = subprocess.Popen(
        [sys.executable, "-u", "block.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "host")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 60)


@pytest.mark.parametrize("number", [0, 5])
async def test_a_program_sees_poses(number: int, url: str, tmp_path: Path) -> None:
    async with posewire.connect(url, device="left-arm") as connection:
        room = await connection.join("studio", publish=["pose"], subscribe=[])
        sender = room.sender(fps=100)
        joined = asyncio.Event()
        room.on("joined", lambda event: joined.set())
        with program(number, url, tmp_path) as process:
            await asyncio.wait_for(joined.wait(), 60)
            sender.send(body=np.full((33, 4), 0.25))
            said = await line(process)
    assert said.startswith("left-arm")
    assert "0.25" in said


async def test_a_program_sends_poses(url: str, tmp_path: Path) -> None:
    async with posewire.connect(url) as connection:
        room = await connection.join("studio")
        with program(1, url, tmp_path):
            pose = await asyncio.wait_for(anext(room.poses()), 60)
    assert pose.device == "camera"
    assert pose.values["body33"][0, 0] == 0.5


async def test_a_program_says_something(url: str, tmp_path: Path) -> None:
    async with posewire.connect(url, device="left-arm") as connection:
        room = await connection.join("studio")
        with program(2, url, tmp_path) as process:
            message = await asyncio.wait_for(anext(room.messages()), 60)
            assert (message.device, message.data) == ("stage", {"scene": 4})
            assert await line(process) == "scene 4: 1 members\n"
            state = await room.shared_state()
            while state.get("light") != {"hue": 20}:
                await asyncio.sleep(0.01)
            await room.send("seen", to="stage")
            assert await line(process) == "left-arm seen 4\n"


async def test_a_program_with_a_connection_that_lasts(url: str, tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("of-no-use-on-this-host")
    with program(3, url, tmp_path) as process:
        said = [await line(process) for _ in range(3)]
        assert said == ["new -> connecting\n", "connecting -> connected\n", f"{url}\n"]
        async with posewire.connect(url, device="museum"):
            assert "another program has connected" in "".join([await line(process), await line(process)])


async def test_a_program_watches_itself(url: str, tmp_path: Path) -> None:
    with program(4, url, tmp_path) as process:
        while not (await line(process)).startswith("round_trip_ms"):
            pass
        await asyncio.to_thread(process.wait, 60)
    assert load_report(tmp_path / "museum.json").title == "a minute in the museum"


def test_every_program_has_a_test() -> None:
    assert len(BLOCKS) == 6
