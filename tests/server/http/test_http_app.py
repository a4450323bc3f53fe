"""Plain HTTP on the WebSocket's port, over real sockets."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from posewire.measure.process_stats import open_files
from posewire.server.host import Host
from posewire.server.http import app as http_module
from posewire.server.http.app import HttpSide
from posewire.server.http.request import authorize
from posewire.server.http.routes import health
from posewire.server.http.settings import HttpSettings
from posewire.server.transport.openings import Openings
from posewire.server.transport.protocol_detect import ProtocolDetector, wants_websocket
from support.hosts import settings
from support.peers import Peers


async def raw(address: tuple[str, int], *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes and return all that comes until the other side closes."""
    reader, writer = await asyncio.open_connection(*address)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(pause)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


def request(path: str = "/", *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body(answer: bytes) -> dict[str, str]:
    parsed: dict[str, str] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return parsed


def address(host: Host) -> tuple[str, int]:
    parts = urlsplit(host.url)
    return str(parts.hostname), int(parts.port or 0)


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


async def broken(request: Request) -> PlainTextResponse:
    raise RuntimeError("a defect")


async def operator(request: Request) -> PlainTextResponse:
    return PlainTextResponse(authorize(request, "operator.read").name)


ROUTES = (
    Route("/echo", echo, methods=["POST"]),
    Route("/broken", broken),
    Route("/operator", operator),
    Route("/healthz", health),
)

Serve = Callable[[HttpSettings], Awaitable[tuple[str, int]]]


@pytest_asyncio.fixture
async def serve(host: Host) -> AsyncIterator[Serve]:
    """Serve the routes above with the services of a running host."""
    servers: list[tuple[asyncio.Server, HttpSide]] = []

    async def start(limits: HttpSettings) -> tuple[str, int]:
        side = HttpSide(host.services, ROUTES, limits)
        server = await asyncio.get_running_loop().create_server(
            lambda: ProtocolDetector(asyncio.Protocol, side.protocol, Openings()), "127.0.0.1", 0
        )
        servers.append((server, side))
        found: tuple[str, int] = server.sockets[0].getsockname()
        return found

    yield start
    for server, side in servers:
        server.close()
        await side.stop(1)


async def test_one_connection_serves_several_requests(serve: Serve) -> None:
    keep = request("/echo", method="POST", body=b"one").replace(b"Connection: close\r\n", b"")
    answer = await raw(await serve(HttpSettings()), keep, request("/echo", method="POST", body=b"two"))
    assert answer.count(b"HTTP/1.1 200") == 2
    assert b"one" in answer
    assert answer.endswith(b"two")


async def test_a_request_in_small_pieces_is_put_together(serve: Serve) -> None:
    whole = request("/echo", method="POST", body=b"hello")
    answer = await raw(await serve(HttpSettings()), *(whole[n : n + 7] for n in range(0, len(whole), 7)), pause=0.001)
    assert answer.endswith(b"hello")


async def test_what_is_not_there_is_told_in_json(host: Host) -> None:
    answer = await raw(address(host), request("/nothing"))
    assert (status(answer), body(answer)["code"]) == (404, "not_found")
    assert status(await raw(address(host), request("/posewire/v1/"))) == 426


async def test_a_defect_is_an_answer_and_the_websocket_goes_on(serve: Serve, peers: Peers) -> None:
    peer = await peers.connect()
    await peer.hello()
    answer = await raw(await serve(HttpSettings()), request("/broken"))
    assert (status(answer), body(answer)["code"]) == (500, "internal")
    await peer.echo()


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_has_a_limit(serve: Serve, chunked: bool) -> None:
    where = await serve(HttpSettings(max_body=1000))
    if chunked:
        head = request("/echo", "Transfer-Encoding: chunked", method="POST")
        answer = await raw(where, head, b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n")
    else:
        answer = await raw(where, request("/echo", method="POST", body=b"x" * 1001))
    assert (status(answer), body(answer)["code"]) == (413, "too_large")


async def test_a_body_that_does_not_come_is_given_up(serve: Serve) -> None:
    where = await serve(HttpSettings(body_timeout=0.1))
    answer = await raw(where, request("/echo", "Content-Length: 10", method="POST") + b"half")
    assert (status(answer), body(answer)["code"]) == (408, "timeout")


async def test_a_head_has_a_limit(serve: Serve) -> None:
    where = await serve(HttpSettings())
    answer = await raw(where, b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000)
    assert status(answer) == 400


async def test_a_head_that_does_not_come_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posewire.server.transport.protocol_detect.OPENING_TIMEOUT", 0.1)
    monkeypatch.setattr(http_module, "_HEAD_TIMEOUT", 0.1)
    where = await serve(HttpSettings())
    assert await raw(where, b"GET / HT") == b""
    # The second request of a connection has the same limit.
    first = request("/echo", method="POST", body=b"one").replace(b"Connection: close\r\n", b"")
    assert (await raw(where, first, b"GET / HT", pause=0.05)).endswith(b"one")


async def test_too_many_connections_are_told(serve: Serve) -> None:
    where = await serve(HttpSettings(max_connections=1))
    reader, writer = await asyncio.open_connection(*where)
    whole = request("/echo", method="POST", body=b"one").replace(b"Connection: close\r\n", b"")
    writer.write(whole + request("/echo", "Content-Length: 10", method="POST"))
    # It is answered, so it is there, and in the middle of another request.
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\none"), 10)
    answer = await raw(where, request("/operator"))
    assert (status(answer), body(answer)["code"]) == (503, "too_many")
    writer.close()


def keep_alive(path: str = "/operator", **fields: Any) -> bytes:
    return request(path, **fields).replace(b"Connection: close\r\n", b"")


async def fill(where: tuple[str, int], count: int, sent: bytes, until: bytes = b"") -> list[Any]:
    """Open connections that send the same, and read up to ``until``."""
    opened = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection(*where)
        writer.write(sent)
        if until:
            await asyncio.wait_for(reader.readuntil(until), 5)
        opened.append((reader, writer))
    return opened


async def end(opened: list[Any]) -> None:
    for _, writer in opened:
        writer.close()


async def test_connections_that_are_idle_make_room(serve: Serve) -> None:
    where = await serve(HttpSettings(max_connections=3))
    opened = await fill(where, 5, keep_alive(), b"local")
    for reader, _ in opened[:2]:
        assert await asyncio.wait_for(reader.read(), 5) == b""
    assert status(await raw(where, request("/operator"))) == 200
    for reader, writer in opened[3:]:
        writer.write(keep_alive())
        assert b"200" in await asyncio.wait_for(reader.readuntil(b"local"), 5)
    await end(opened)


async def test_health_is_told_where_all_places_are_taken(serve: Serve) -> None:
    where = await serve(HttpSettings(max_connections=3))
    opened = await fill(where, 3, request("/echo", "Content-Length: 10", method="POST"))
    await eventually_full(where)
    assert status(await raw(where, keep_alive("/healthz"))) == 200
    for reader, _ in await fill(where, 6, request("/echo", "Content-Length: 10", method="POST")):
        assert status(await asyncio.wait_for(reader.read(), 5)) == 503
    await end(opened)


async def eventually_full(where: tuple[str, int]) -> None:
    async with asyncio.timeout(5):
        while status(await raw(where, request("/operator"))) != 503:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/operator", "/echo", "/nothing"])
async def test_a_body_that_nobody_reads_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(http_module, "_GRACE", 0.1)
    where = await serve(HttpSettings(body_timeout=0.2))
    reader, writer = await asyncio.open_connection(*where)
    writer.write(keep_alive(path, method="POST")[:-2] + b"Content-Length: 1000000\r\n\r\n")
    sending = asyncio.create_task(trickle(writer))
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 5)
    sending.cancel()


async def trickle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.01)


async def test_an_answer_that_is_not_read_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "_STALLED", 0.3)
    body = b"x" * 16_000_000  # more than the kernel takes
    where = await serve(HttpSettings(max_body=len(body)))
    before = open_files()
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(link, where)
    await loop.sock_sendall(link, request("/echo", method="POST", body=body))
    # Nothing is read: the host's end goes all the same.
    async with asyncio.timeout(10):
        while open_files() > before + 1:
            await asyncio.sleep(0.05)
    link.close()


async def test_garbage_is_answered_and_the_host_goes_on(host: Host) -> None:
    for garbage, code in ((b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "tls"), (b"\x17\x03\x01\r\n\r\n", "bad_http")):
        answer = await raw(address(host), garbage)
        assert (status(answer), body(answer)["code"]) == (400, code)
    link = socket.create_connection(address(host))
    link.close()
    assert status(await raw(address(host), request("/healthz"))) == 200


async def test_without_authentication_a_page_of_another_site_gets_nothing(serve: Serve, host: Host) -> None:
    where = await serve(HttpSettings())
    assert status(await raw(where, request("/operator"))) == 200
    assert status(await raw(where, request("/operator", "Origin: http://127.0.0.1"))) == 200
    assert status(await raw(where, request("/operator", "Origin: http://localhost"))) == 200
    assert status(await raw(where, request("/operator", "Origin: http://localhost:3000"))) == 403
    assert status(await raw(where, request("/operator", "Origin: null"))) == 403
    assert status(await raw(where, request("/operator", "Sec-Fetch-Site: cross-site"))) == 403
    assert status(await raw(where, request("/operator", "Sec-Fetch-Site: same-origin"))) == 200
    assert status(await raw(where, request("/operator", "Origin: https://example.org"))) == 403
    rebound = request("/operator").replace(b"Host: 127.0.0.1", b"Host: example.org")
    assert status(await raw(where, rebound)) == 403
    with pytest.raises(InvalidStatus) as caught:
        await connect(host.url, origin="https://example.org")  # type: ignore[arg-type]
    assert caught.value.response.status_code == 403
    own = host.url.replace("ws://", "http://").replace("/posewire/v1/", "")
    async with connect(host.url, origin=own):  # type: ignore[arg-type]
        pass


async def test_a_stopping_host_ends_idle_http_connections() -> None:
    host = Host(settings())
    await host.start()
    reader, writer = await asyncio.open_connection(*address(host))
    writer.write(request("/healthz").replace(b"Connection: close\r\n", b""))
    assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
    await host.stop()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


@pytest.mark.parametrize(
    ("head", "websocket"),
    [
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade", True),
        (b"GET / HTTP/1.1\r\nconnection: upgrade\r\nUPGRADE:WebSocket", True),
        (b"GET / HTTP/1.1\r\nUpgrade: h2c", False),
        (b"GET /?Upgrade:websocket HTTP/1.1\r\nHost: x", False),
        (b"", False),
    ],
)
def test_the_head_tells_a_websocket(head: bytes, websocket: bool) -> None:
    assert wants_websocket(head) is websocket


async def test_who_says_nothing_makes_room_for_others(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posewire.server.transport.openings.MAX_WAITING", 5)
    silent = [await asyncio.open_connection(*address(host)) for _ in range(12)]
    assert status(await raw(address(host), request("/healthz"))) == 200
    ended = [asyncio.ensure_future(reader.read()) for reader, _ in silent]
    await asyncio.wait(ended[:6], timeout=5)
    assert all(one.done() for one in ended[:6])
    for _, writer in silent:
        writer.close()
    await asyncio.gather(*ended, return_exceptions=True)
