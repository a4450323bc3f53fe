"""Requests to other servers, against real sockets that behave and misbehave."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from posewire import http_client
from posewire.http_client import HttpClient, HttpError
from support.certificates import self_signed

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
        await asyncio.sleep(0.002)  # the end comes after what its reader was waiting for
        writer.write(b"0\r\n\r\n")
        await request(reader)
        writer.write(ANSWER)

    async with server(twice) as url:
        async with client.request("POST", url, json={}) as response:
            assert await response.line() == b"done\n"
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
            await response.line()
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


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
    await asyncio.sleep(0.05)
    writer.write(b"what is this\r\n")


async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await request(reader)
    writer.write(b"SSH-2.0-whatever\r\n\r\n")


@pytest.mark.parametrize(
    ("serve", "complaint"),
    [
        (silent, "does not answer in time"),
        (half, "broke off"),
        (stuck, "does not answer in time"),
        (garbage, "does not answer in time|broke off"),
        (noise, "broke off"),
    ],
)
async def test_a_bad_answer_is_one_kind_of_error_without_the_address(
    client: HttpClient, serve: Serve, complaint: str
) -> None:
    async with server(serve) as url:
        with pytest.raises(HttpError, match=complaint) as error:
            await ask(client, url)
        assert "127.0.0.1" not in str(error.value)


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
    ("url", "complaint"),
    [
        ("http://127.0.0.1:9/", r"cannot be reached \(Connection refused\)"),
        ("http:///x", "not have a valid address"),
        ("http://127.0.0.1:99999/", "has an address"),
        ("http://127.0.0.1:abc/", "has an address"),
        ("http://[::1/", "has an address"),
        ("http://me:secret@127.0.0.1:9/", "a token"),
    ],
)
async def test_what_cannot_be_asked_is_said_without_the_address(client: HttpClient, url: str, complaint: str) -> None:
    with pytest.raises(HttpError, match=complaint) as error:
        await ask(client, url)
    assert "127.0.0.1" not in str(error.value)


async def test_a_long_answer_is_taken_up_to_a_size_and_a_line_without_end_is_not(client: HttpClient) -> None:
    async def long(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + bytes(2_000_000))
        with contextlib.suppress(ConnectionError):
            await reader.read()

    async with server(long, long) as url:
        async with client.request("POST", url, json={}) as answer:
            with pytest.raises(HttpError, match="too much"):
                await answer.read(1000)
        async with client.request("POST", url, json={}) as answer:
            with pytest.raises(HttpError, match="line that does not end"):
                await answer.line()


async def test_passwords_of_the_users_other_programs_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login me password hidden\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    async def bare(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert b"Authorization" not in await request(reader)
        writer.write(ANSWER)

    without_token = HttpClient(timeout=0.4)
    async with server(bare) as url:
        assert await ask(without_token, url) == b"hi"
    await without_token.close()
    with pytest.raises(HttpError, match="this client is closed"):
        await ask(without_token, url)


async def test_a_proxy_is_used_for_others_than_this_machine(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await request(reader)).split()[1])
        writer.write(ANSWER)

    async def here(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(ANSWER)

    async with server(proxy) as address, server(here) as url:
        monkeypatch.setenv("all_proxy", address.removesuffix("/there").removeprefix("http://"))
        monkeypatch.setenv("no_proxy", "nowhere.invalid")
        assert await ask(client, "http://elsewhere.invalid/x") == b"hi"
        assert await ask(client, url) == b"hi"
        with pytest.raises(HttpError, match="name is not known"):
            await ask(client, "http://nowhere.invalid/x")
    assert asked == [b"http://elsewhere.invalid/x"]
