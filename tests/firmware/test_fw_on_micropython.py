"""Runs the firmware's tests in a real MicroPython process, and is the host that its link is tried against."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from posewire.sim.interpreter import find_micropython

HERE = Path(__file__).parent
SHARED = sorted(path.name for path in HERE.glob("test_fw_*.py") if "import pytest" not in path.read_text())


def run_on_micropython(name: str, **environment: str) -> str:
    """Run one test file; return what it printed. Fails with its output."""
    command = [*find_micropython(), str(HERE / "run_on_micropython.py"), name]
    result = subprocess.run(
        command, capture_output=True, text=True, timeout=100, env={**os.environ, **environment}, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ok  " in result.stdout
    return result.stdout


@pytest.mark.parametrize("name", SHARED)
def test_shared(name: str) -> None:
    run_on_micropython(name)


def test_supervisor() -> None:
    run_on_micropython("mp_supervisor.py")


# the other end of mp_link.py


async def good_host(connection: ServerConnection) -> None:
    """/echo sends everything back; /digest begins to read late and answers with a hash."""
    with contextlib.suppress(ConnectionClosed):
        await answer_politely(connection)


async def answer_politely(connection: ServerConnection) -> None:
    path = connection.request.path if connection.request else ""
    if path.startswith("/digest"):
        await asyncio.sleep(0.5)
        digest = hashlib.sha256()
        for _ in range(int(path.rpartition("=")[2])):
            message = await connection.recv()
            assert isinstance(message, bytes)
            digest.update(message)
        await connection.send(digest.hexdigest())
    async for message in connection:
        await connection.send(message)


def server_frame(opcode: int, payload: bytes = b"", first: int = 0x80) -> bytes:
    return bytes([first | opcode, len(payload)]) + payload


def answer(head: bytes, **changes: str) -> bytes:
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept, **changes}
    lines = ["HTTP/1.1 101 Switching Protocols", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def client_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one frame of the client; it must be masked."""
    first, second = await reader.readexactly(2)
    assert second & 0x80
    count = second & 127
    if count == 126:
        (count,) = struct.unpack(">H", await reader.readexactly(2))
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(count)
    return first & 15, bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))


HANDSHAKES = {
    "/401": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}",
    "/not-http": b"220 mail.example ESMTP\r\n\r\n",
    "/endless": b"HTTP/1.1 101 Switching\r\n" + b"X-Filler: " + b"x" * 5000,
    "/hang-up": b"HTTP/1.1 101 Swit",
}
BROKEN = {
    "/masked": b"\x82\x82\x00\x00\x00\x00ab",
    "/reserved": b"\xc2\x01a",
    "/oversize": b"\x82\x7f\x00\x00\x00\x00\x7f\xff\xff\xff",
    "/bad-utf8": server_frame(1, b"\xff"),
}


class RawHost:
    """A host that does what a path says, byte by byte, and remembers how clients closed."""

    def __init__(self) -> None:
        self.closes: dict[str, int] = {}

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            await self._play(head.split(b" ")[1].decode(), head, reader, writer)
        writer.close()

    async def _play(self, path: str, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if path in HANDSHAKES:
            writer.write(HANDSHAKES[path])
        elif path == "/bad-accept":
            writer.write(answer(head, **{"Sec-WebSocket-Accept": "AAAA"}))
        elif path == "/no-upgrade":
            writer.write(answer(head, Upgrade="h2c"))
        elif path == "/dribble":
            for byte in answer(head):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            writer.write(server_frame(2, b"late"))
            await reader.read()
        elif path == "/eager":
            writer.write(answer(head) + server_frame(2, b"early"))
            await reader.read()
        else:
            writer.write(answer(head))
            await self._after_handshake(path, reader, writer)
        await writer.drain()

    async def _after_handshake(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if path in BROKEN:
            writer.write(BROKEN[path])
            opcode, payload = await client_frame(reader)
            assert opcode == 8
            self.closes[path] = int.from_bytes(payload[:2], "big")
        elif path == "/ping":
            writer.write(server_frame(1, b"Hel", 0) + server_frame(9, b"still there?"))
            opcode, payload = await client_frame(reader)
            right = (opcode, payload) == (10, b"still there?")
            reason = b"thanks" if right else b"wrong"
            writer.write(server_frame(0, b"lo") + server_frame(8, b"\x03\xe8" + reason))
        elif path == "/goodbye":
            writer.write(server_frame(8, b"\x03\xe9restart"))
            opcode, payload = await client_frame(reader)
            assert opcode == 8
            self.closes[path] = int.from_bytes(payload[:2], "big")
        elif path == "/wait-for-close":
            opcode, payload = await client_frame(reader)
            assert opcode == 8
            self.closes[path] = int.from_bytes(payload[:2], "big")
            writer.write(server_frame(8, payload))
        elif path == "/deaf":
            await reader.read()


def make_certificate(folder: Path, name: str) -> tuple[Path, Path, Path]:
    """A self-signed certificate for localhost: (certificate, key, the same certificate in DER)."""
    certificate, key, der = folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}.der"
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-days", "30",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "der", "-out", der], check=True)
    return certificate, key, der


async def test_link_against_real_servers(tmp_path: Path) -> None:
    environment = {}
    raw = RawHost()
    async with contextlib.AsyncExitStack() as stack:
        host = await stack.enter_async_context(serve(good_host, "127.0.0.1", 0, compression=None))
        server = await asyncio.start_server(raw.handle, "127.0.0.1", 0)
        stack.callback(server.close)
        environment["POSEWIRE_TEST_GOOD"] = f"ws://127.0.0.1:{port_of(host.sockets)}"
        environment["POSEWIRE_TEST_RAW"] = f"ws://127.0.0.1:{port_of(server.sockets)}"
        if shutil.which("openssl"):
            certificate, key, der = make_certificate(tmp_path, "host")
            _, _, other = make_certificate(tmp_path, "other")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            secure = await stack.enter_async_context(serve(good_host, "127.0.0.1", 0, ssl=context, compression=None))
            environment["POSEWIRE_TEST_TLS"] = f"wss://localhost:{port_of(secure.sockets)}"
            environment["POSEWIRE_TEST_CA"] = str(der)
            environment["POSEWIRE_TEST_OTHER_CA"] = str(other)
        await asyncio.to_thread(run_on_micropython, "mp_link.py", **environment)
    assert raw.closes == {
        "/masked": 1002,
        "/reserved": 1002,
        "/oversize": 1009,
        "/bad-utf8": 1007,
        "/goodbye": 1001,
        "/wait-for-close": 1001,
    }


def port_of(sockets: "tuple[socket.socket, ...] | list[socket.socket]") -> int:
    port: int = sockets[0].getsockname()[1]
    return port


# the other end of mp_allocation.py


async def talking_host(connection: ServerConnection) -> None:
    """Says hello, lets the board into its room, and speaks without end once it is spoken to."""
    talking: asyncio.Task[None] | None = None
    try:
        async for message in connection:
            if isinstance(message, bytes):
                continue
            for reply in replies(json.loads(message)):
                await connection.send(json.dumps(reply))
            if '"start"' in message and talking is None:
                talking = asyncio.create_task(talk(connection))
    finally:
        if talking is not None:
            talking.cancel()


def replies(message: dict[str, str]) -> list[dict[str, object]]:
    if message["type"] == "hello":
        audio = {"format": "ima-adpcm", "sample_rate": 16000, "frame_duration": 60}
        hello = {"type": "hello", "transport": "websocket", "session_id": "s", "audio_params": audio}
        rpc = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        return [{**hello, "features": {"pose": True}}, {"type": "mcp", "payload": rpc}]
    if message["type"] == "room":
        return [{"type": "room", "event": "welcome", "room": "studio", "slot": 1, "role": "host", "members": []}]
    if message["type"] == "listen":
        return [{"type": "tts", "state": "start"}]
    return []


async def talk(connection: ServerConnection) -> None:
    frame = b"\x00\x00\x01\xe4" + bytes(4) + bytes(range(240)) * 2
    for number in range(1000):
        await connection.send(frame)
        if number >= 5:
            await asyncio.sleep(0.06)


@pytest.fixture
async def stream_url() -> AsyncIterator[str]:
    async with serve(talking_host, "127.0.0.1", 0, compression=None) as host:
        yield f"ws://127.0.0.1:{port_of(tuple(host.sockets))}/posewire/v1/"


async def test_steady_streaming_allocates_nothing(stream_url: str) -> None:
    output = await asyncio.to_thread(run_on_micropython, "mp_allocation.py", POSEWIRE_TEST_STREAM=stream_url)
    print(output)
