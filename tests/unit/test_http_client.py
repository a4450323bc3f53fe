"""Requests to other servers, against real sockets that behave and misbehave."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from posewire import http_client
from posewire.http_client import HttpClient, HttpError
from self_signed import self_signed

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@asynccontextmanager
async def server(*connections: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Give each connection, in order, its way to be served; ends when all of them were opened."""
    left = list(connections)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await left.pop(0)(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}/there"
    finally:
        listening.close()
    assert not left, "fewer connections than expected"


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = HttpClient(timeout=0.4, token="secret")
    yield made
    await made.close()


async def ask(client: HttpClient, url: str, *, repeatable: bool = False) -> bytes:
    async with client.request("POST", url, json={}, repeatable=repeatable) as response:
        return await response.read()


async def request(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2)


async def test_the_connection_of_an_answer_that_was_not_read_to_its_end_serves_the_next_request(
    client: HttpClient,
) -> None:
    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await request(reader)
        assert b"Authorization: Bearer secret" in asked
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndone\n\r\n")
        await asyncio.sleep(0.02)  # the end comes after what its reader was waiting for
        writer.write(b"0\r\n\r\n")
        await request(reader)
        writer.write(ANSWER)

    async with server(twice) as url:
        async with client.request("POST", url, json={}) as response:
            assert await response.content.readline() == b"done\n"
        assert await ask(client, url) == b"hi"


async def test_an_answer_without_end_is_given_up_with_its_connection(client: HttpClient) -> None:
    gone = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndone\n\r\n")
        assert await reader.read() == b""
        gone.set()

    async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(ANSWER)

    async with server(endless, good) as url:
        async with client.request("POST", url, json={}) as response:
            await response.content.readline()
        assert await ask(client, url) == b"hi"
        await asyncio.wait_for(gone.wait(), 1)


@pytest.mark.parametrize("repeatable", [True, False])
async def test_a_kept_connection_that_turns_out_to_be_dead_is_replaced_where_that_is_allowed(
    client: HttpClient, repeatable: bool
) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(ANSWER)
        await request(reader)  # and says nothing

    async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(ANSWER)

    async with server(once, *([good] if repeatable else [])) as url:
        await ask(client, url)
        if repeatable:
            assert await ask(client, url, repeatable=True) == b"hi"
        else:
            with pytest.raises(HttpError, match="broke off"):
                await ask(client, url)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi")


async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi")
    await reader.read()


async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"SSH-2.0-whatever\r\n\r\n")


@pytest.mark.parametrize(
    ("serve", "complaint"),
    [
        (silent, "does not answer in time"),
        (half, "broke off"),
        (stuck, "does not answer in time"),
        (noise, "broke off"),
    ],
)
async def test_a_bad_answer_is_one_kind_of_error_without_the_address(
    client: HttpClient, serve: Serve, complaint: str
) -> None:
    async with server(serve) as url:
        with pytest.raises(HttpError, match=complaint) as error:
            await ask(client, url)
        assert "there" not in str(error.value)


async def test_a_server_that_does_not_take_the_request_is_given_up(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_CONNECT_TIMEOUT", 0.2)
    asked = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asked.wait()  # without reading: the stream's buffer and the kernel's fill

    async with server(deaf) as url:
        with pytest.raises(HttpError, match="does not answer in time"):
            async with client.request("POST", url, data=bytes(64 << 20)):
                pass
        asked.set()


async def test_nobody_is_led_elsewhere(client: HttpClient) -> None:
    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 307 Moved\r\nLocation: /here\r\nContent-Length: 0\r\n\r\n")

    async with server(elsewhere) as url, client.request("POST", url, json={}) as response:
        assert response.status == 307


async def test_a_certificate_that_nobody_vouches_for_is_refused(client: HttpClient, tmp_path: Path) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*self_signed(tmp_path))

    async with server(tls=tls) as url:
        with pytest.raises(HttpError, match="certificate that is not trusted"):
            await ask(client, url)


@pytest.mark.parametrize(
    ("url", "complaint"), [("http://127.0.0.1:9/", "cannot be reached"), ("http:///x", "an address that is none")]
)
async def test_nobody_there_is_said(client: HttpClient, url: str, complaint: str) -> None:
    with pytest.raises(HttpError, match=complaint):
        await ask(client, url)
