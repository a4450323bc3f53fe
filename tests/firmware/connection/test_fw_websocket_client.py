"""The WebSocket client by itself, as another project gets it: installed with mip from a web server, then used."""

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from posewire.sim.interpreter import find_micropython
from support.servers.package_server import FIRMWARE, package_server

STRANGER = Path(__file__).parent.parent / "programs" / "mip_stranger.py"
PACKAGE = "websocket-package.json"


@pytest.fixture
def web() -> Iterator[str]:
    """The firmware folder on a web server."""
    with package_server() as address:
        yield address


async def echo(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            if message == "bye":
                return
            await connection.send(message)


async def test_a_stranger_installs_it_and_uses_it(web: str, tmp_path: Path) -> None:
    target = tmp_path / "lib"
    async with serve(echo, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        environment = {
            **os.environ,
            "MICROPYPATH": ".frozen",
            "POSEWIRE_TEST_PACKAGE": f"{web}/{PACKAGE}",
            "POSEWIRE_TEST_TARGET": str(target),
            "POSEWIRE_TEST_ECHO": f"ws://127.0.0.1:{port}/",
        }
        done = await asyncio.to_thread(
            subprocess.run,
            [*find_micropython(), str(STRANGER)],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
            cwd=tmp_path,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "blocking ok\nasyncio ok\n" in done.stdout
    installed = {str(path.relative_to(target)) for path in target.rglob("*.py")}
    assert installed == {name for name, _ in json.loads((FIRMWARE / PACKAGE).read_text())["urls"]}
