"""The WebSocket client by itself, as another project gets it: installed with mip from a web server, then used."""

import asyncio
import contextlib
import functools
import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from posewire.sim.interpreter import find_micropython

FIRMWARE = Path(__file__).parents[2] / "firmware"
STRANGER = Path(__file__).with_name("mip_stranger.py")
PACKAGE = "websocket-package.json"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the package with whole URLs: relative ones are for mip 0.4 (MicroPython 1.26) and newer."""

    def do_GET(self) -> None:
        if self.path != f"/{PACKAGE}":
            return super().do_GET()
        package = json.loads((FIRMWARE / PACKAGE).read_text())
        host, port = self.connection.getsockname()[:2]
        base = f"http://{host}:{port}/"
        package["urls"] = [[target, base + source] for target, source in package["urls"]]
        body = json.dumps(package).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    """The firmware folder on a web server."""
    handler = functools.partial(Handler, directory=str(FIRMWARE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


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
