"""Every program of docs/transports.md runs as it stands there, against a real host; only addresses change."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

import posewire
from docs.pages import blocks
from docs.test_python_blocks import program, put_in
from posewire.server.settings import ServerSettings, Settings
from posewire.server.webrtc.settings import WebRtcSettings
from support.data_channels import needs_an_address
from support.hosts import running, settings

BLOCKS = [each.text for each in blocks("python") if each.page == "docs/transports.md"]
LOCAL = "ws://127.0.0.1:8000/posewire/v1/"


@needs_an_address
async def test_a_program_sends_by_a_data_channel(tmp_path: Path) -> None:
    channels = Settings(server=ServerSettings(port=0), webrtc=WebRtcSettings(enabled=True), voice=None)
    async with running(channels) as host, posewire.connect(host.url) as connection:
        room = await connection.join("studio")
        with program(put_in(BLOCKS[0], (LOCAL, host.url)), tmp_path) as process:
            assert process.stdout is not None
            assert await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 60) == "webrtc opened\n"
            pose = await asyncio.wait_for(anext(room.poses()), 60)
    assert (pose.device, pose.values["body33"][0, 0]) == ("camera", 0.5)


async def test_a_session_is_recorded_and_played(tmp_path: Path) -> None:
    async with running(settings()) as host, posewire.connect(host.url, device="left-arm") as connection:
        room = await connection.join("studio", publish=["pose"], subscribe=[])
        sender, joined = room.sender(), asyncio.Event()
        room.on("joined", lambda event: joined.set())
        with program(put_in(BLOCKS[1], (LOCAL, host.url)), tmp_path) as process:
            await asyncio.wait_for(joined.wait(), 60)
            sender.send(body=np.full((33, 4), 0.25))
            said, errors = await asyncio.to_thread(process.communicate, timeout=60)
    assert said.startswith("left-arm [0.25"), errors


def test_every_program_has_a_test() -> None:
    assert len(BLOCKS) == 2
