"""A peer whose every name and text is made to command the operator's terminal: the commands show it, harmless."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posewire.server.host_process import HostProcess
from support.peers import Peer, Peers

EVIL = "\x1b]0;owned\x07\x9b2J\u2028\u202e\rforged"
DEVICE = "aa:bb:cc:00:00:01"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostProcess]:
    config = tmp_path / "posewire.toml"
    config.write_text(f'[voice]\nenabled = false\n[store]\npath = "{tmp_path}/store.db"\n')
    with HostProcess("--config", str(config)) as running:
        yield running


async def shown_by(*arguments: str) -> str:
    """Run a command; return its output, which is printable."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "posewire", *arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    shown = out.decode()
    assert all(line.isprintable() for line in shown.split("\n")), shown
    return shown


async def answer(peer: Peer) -> None:
    """Have one tool, which is all evil but for its name."""
    while True:
        payload = (await peer.receive("mcp"))["payload"]
        result: dict[str, Any] = {"protocolVersion": "2024-11-05", "capabilities": {}}
        if payload["method"] == "tools/list":
            schema = {"type": "object", "properties": {EVIL: {}}}
            result = {"tools": [{"name": "self.x", "description": EVIL, "inputSchema": schema}]}
        elif payload["method"] == "tools/call":
            result = {"content": [{"type": "text", "text": EVIL}], "isError": False}
        await peer.send(type="mcp", payload={"jsonrpc": "2.0", "id": payload["id"], "result": result})


async def test_what_a_board_says_of_itself(host: HostProcess) -> None:
    peers = Peers(host.url)
    peer = await peers.connect(DEVICE)
    await peer.hello(features={"mcp": True, "update": True}, device={"board": EVIL, "firmware": EVIL})
    device = asyncio.create_task(answer(peer))
    async with asyncio.timeout(10):
        while not host.logged("tools"):
            await asyncio.sleep(0.05)
    for command in (
        ("tools", DEVICE),
        ("tools", DEVICE, "--json"),
        ("tools", DEVICE, "--call", "self.x"),
        ("tools", "--devices"),
        ("update",),
    ):
        assert "forged" in await shown_by(*command, "--url", host.url)
    device.cancel()
    await peers.close()


async def test_why_a_program_was_removed_from_a_room(host: HostProcess, tmp_path: Path) -> None:
    peers = Peers(host.url)
    peer = await peers.connect(DEVICE)
    await peer.hello()
    await peer.join("hall")
    file, store = str(tmp_path / "x.pwrec"), str(tmp_path / "mine.db")
    recorder = asyncio.create_task(shown_by("record", "hall", file, "--url", host.url, "--store", store))
    joined = await peer.receive("room", event="joined")
    await peer.send(type="room", action="kick", member_id=joined["member"]["member_id"], reason=EVIL)
    assert "forged" in await recorder
    await peers.close()


async def test_how_far_an_update_is(host: HostProcess) -> None:
    peers = Peers(host.url)
    peer = await peers.connect(DEVICE)
    await peer.hello(features={"update": True})
    update = asyncio.create_task(shown_by("update", DEVICE, "--url", host.url))
    await peer.receive("update", action="query")
    await peer.send(type="update", event="state", version=EVIL, arch="xtensawin", mpy=6, mpy_sub=3, heap=2**22)
    await peer.receive("update", action="begin")
    await peer.send(type="update", event="want", name="manifest", offset=0, count=16, done=10**9, total=1)
    await peer.receive("update", action="data")
    # The command looks twice a second.
    await asyncio.sleep(0.7)
    await peer.send(type="update", event="failed", code="no_space", message=EVIL)
    shown = await update
    assert "sending" in shown
    assert len(shown) < 1000
    assert "failed: " in shown
    await peers.close()
