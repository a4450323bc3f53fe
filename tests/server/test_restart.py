"""A restart that is ordered over the wire: the process starts again in its place, and sessions go on."""

import asyncio
import json
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from posewire.server.host_process import HostProcess
from support.peers import Peer


async def test_a_restart_tells_everybody_and_comes_back_as_the_same_process(tmp_path: Path) -> None:
    config = tmp_path / "posewire.toml"
    config.write_text("[voice]\nenabled = false\n")
    host = HostProcess("--config", str(config), "--token", "the owner's")
    await asyncio.to_thread(host.start)
    try:
        headers = {"Authorization": "Bearer the owner's", "Device-Id": "aa:00:00:00:00:01"}
        # The port has to be a fixed one to be found again.
        await asyncio.to_thread(host.stop)
        await asyncio.to_thread(host.start)
        pid = host.pid
        async with connect(host.url, additional_headers=headers) as socket:
            peer = Peer(socket)
            await peer.hello()
            await peer.send(type="server", action="restart")
            assert (await peer.receive("server"))["status"] == "success"
            assert "restart" in (await peer.receive("goodbye"))["reason"]
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert socket.close_code == 1001
        async with asyncio.timeout(60):
            while True:
                try:
                    async with connect(host.url, additional_headers=headers) as socket:
                        await Peer(socket).hello()
                        break
                except (OSError, InvalidHandshake, ConnectionClosed):
                    await asyncio.sleep(0.05)
        assert host.pid == pid
    finally:
        await asyncio.to_thread(host.stop)
    assert [json.dumps(entry) for entry in host.logged("internal_error")] == []
