"""The program of docs/conference.md runs as it stands there, against a host in a real conference."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

import posewire
from docs.pages import blocks
from docs.test_python_blocks import program, put_in
from jitsi.conftest import TOKEN, address_of, host_in
from support.conference.prosody import Prosody
from support.programs.debian_packages import find

(BLOCK,) = [each.text for each in blocks("python") if each.page == "docs/conference.md"]


@pytest.mark.skipif(find("prosody") is None, reason="Prosody is not installed: make programs")
async def test_a_program_comes_through_the_conference_when_it_is_not_at_home(tmp_path: Path) -> None:
    (tmp_path / "prosody").mkdir()
    home, outside = (line.split('"')[1] for line in BLOCK.splitlines() if line.startswith(("AT_HOME", "OUTSIDE")))
    with Prosody(tmp_path / "prosody") as prosody:
        async with host_in(prosody.address()) as host, posewire.connect(host.url, token=TOKEN, device="arm") as arm:
            sender, joined = (await arm.join("studio", publish=["pose"])).sender(), asyncio.Event()
            assert arm.room is not None
            arm.room.on("joined", lambda event: joined.set())
            text = put_in(
                BLOCK, (home, "ws://127.0.0.1:9/posewire/v1/"), (outside, address_of(host)), ('"…"', f'"{TOKEN}"')
            )
            with program(text, tmp_path) as process:
                await asyncio.wait_for(joined.wait(), 60)
                sender.send(body=np.full((33, 4), 0.25))
                assert process.stdout is not None
                line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), 60)
    assert line.startswith("arm {'body33': array([[0.25")
