"""Times that end a connection by themselves."""

import asyncio
import time
from dataclasses import replace

import pytest

from posewire.identity.principal import Principal
from server.connection.wired import LOCAL, Parts, Wire


async def closed(wire: Wire) -> int:
    async with asyncio.timeout(10):
        while wire.close_code is None:
            await asyncio.sleep(0.005)
    return wire.close_code


def until(seconds: float) -> Principal:
    return replace(LOCAL, expires=time.time() + seconds)


async def test_who_says_no_hello_is_told_so_and_closed(parts: Parts) -> None:
    parts.settings = replace(parts.settings, hello_timeout=0.01)
    wire = parts.connect()
    assert await closed(wire) == 1002
    assert wire.close_reason == "no hello"


async def test_a_token_that_expires_ends_the_session_that_it_began(parts: Parts) -> None:
    lasting, short = parts.greeted("lasting", until(3600)), parts.greeted("short", until(0.01))
    assert await closed(short) == 1008
    assert lasting.close_code is None


async def test_a_connection_that_is_closed_is_not_ended_once_more(
    parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.settings = replace(parts.settings, hello_timeout=0.01)
    gone, other = parts.connect("gone"), parts.connect("other")
    gone.leave()
    assert await closed(other) == 1002  # the time of both has come
    assert [record.message for record in caplog.records].count("refused") == 1
