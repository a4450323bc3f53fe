"""TLS over real sockets: what is silent or slow costs little, and ends."""

import asyncio
import resource
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from posewire.measure.process_stats import open_files, resident_bytes
from posewire.server.host import Host
from posewire.server.transport import listener as listener_module
from posewire.server.transport import openings as openings_module
from support.certificates import self_signed
from support.hosts import settings
from support.waiting import eventually

Address = tuple[str, int]


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    certificate, key = self_signed(tmp_path)
    running = Host(settings(certificate=certificate, key=key))
    await running.start()
    yield running
    await running.stop()


def address(host: Host) -> Address:
    return "127.0.0.1", int(host.url.rsplit(":", 1)[1].partition("/")[0])


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        trusting().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


async def answers(host: Host) -> bool:
    reader, writer = await asyncio.open_connection(*address(host), ssl=trusting())
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer.startswith(b"HTTP/1.1 200")


async def test_websocket_and_http_come_through(host: Host) -> None:
    async with connect(host.url, ssl=trusting()) as socket:
        await socket.send('{"type":"hello","version":1}')
        assert '"hello"' in str(await socket.recv())
        # Longer than TLS's buffer.
        await socket.send('{"type":"ping","id":1,"more":"' + "x" * 60_000 + '"}')
        assert '"pong"' in str(await socket.recv())
    assert await answers(host)


async def test_a_first_record_in_pieces_is_put_together(host: Host) -> None:
    reader, writer = await asyncio.open_connection(*address(host))
    for byte in client_hello():
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(0)
    assert (await asyncio.wait_for(reader.readexactly(1), 5))[0] == 0x16
    writer.close()


async def test_silent_connections_cost_little(host: Host) -> None:
    assert await answers(host)
    before = resident_bytes()
    silent = [await asyncio.open_connection(*address(host)) for _ in range(200)]
    for _, writer in silent[::2]:
        writer.write(client_hello()[:-1])
    assert await answers(host)
    # 64 MB with the buffers that asyncio's own server makes.
    assert resident_bytes() - before < 16 * 2**20
    for _, writer in silent:
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"\x16", b"\x16\x03\x01\x02\x00half of it"])
async def test_what_stays_silent_is_cut(host: Host, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(listener_module, "OPENING_TIMEOUT", 0.2)
    reader, writer = await asyncio.open_connection(*address(host))
    writer.write(sent)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(reader.readexactly(1), 5)
    writer.close()


async def test_a_handshake_that_is_not_finished_is_cut(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "OPENING_TIMEOUT", 0.2)
    before = open_files()
    reader, writer = await asyncio.open_connection(*address(host))
    writer.write(client_hello())
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
        raise ConnectionError  # an end of the stream is as good
    writer.close()
    await writer.wait_closed() if not writer.is_closing() else None
    await eventually(lambda: open_files() <= before)


async def test_handshakes_that_hang_make_room(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openings_module, "MAX_TLS", 5)
    hanging = [await asyncio.open_connection(*address(host)) for _ in range(12)]
    for _, writer in hanging:
        writer.write(client_hello())
    counters = host.services.counters
    await eventually(lambda: counters["openings_cut"] == 7)
    assert await answers(host)
    for _, writer in hanging:
        writer.close()


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x80nonsense", b"\x16\x03\x01\xff\xff"])
async def test_what_is_not_tls_is_told_or_cut(host: Host, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection(*address(host))
    writer.write(sent)
    answer: Any = b""
    try:
        answer = await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        assert sent[0] == 0x16
    if sent[0] != 0x16:
        assert b"400" in answer
        assert b"this port speaks TLS" in answer
    writer.close()


@pytest.mark.parametrize("secure", [False, True])
async def test_at_the_limit_of_descriptors_newcomers_are_answered(tmp_path: Path, secure: bool) -> None:
    certificate, key = self_signed(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = open_files() + 80
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    running = Host(settings(certificate=certificate, key=key) if secure else settings())
    await running.start()
    clients: list[Any] = []
    try:
        # This process has both ends: each connection takes two.
        for _ in range(30):
            clients.append(await asyncio.open_connection(*address(running)))
        reader, _ = clients[-1]
        answer: Any = b""
        try:
            answer = await asyncio.wait_for(reader.read(), 5)
        except ConnectionError:
            assert secure
        assert secure or b"503" in answer
        assert running.services.counters["out_of_descriptors"] > 0
        for _, writer in clients:
            writer.close()
        clients.clear()
        await eventually(lambda: open_files() < limit - 60)
        reader, writer = await asyncio.open_connection(*address(running), ssl=trusting() if secure else None)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 10)).startswith(b"HTTP/1.1 200")
        writer.close()
    finally:
        for _, writer in clients:
            writer.close()
        await running.stop()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
