"""The simulated network does what its conditions say, between any two programs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from posewire.errors import ConfigError
from posewire.sim.network.link_conditions import LinkConditions, Step, read_script
from posewire.sim.network.link_proxy import LinkProxy

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/posewire/v1/"
    server.close()


async def to(proxy: LinkProxy) -> Stream:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def round_trip(stream: Stream, data: bytes) -> float:
    """Seconds until the whole echo is there."""
    began = time.monotonic()

    async def send() -> None:
        stream[1].write(data)
        await stream[1].drain()

    sending = asyncio.ensure_future(send())
    assert await stream[0].readexactly(len(data)) == data
    await sending
    return time.monotonic() - began


async def test_it_passes_everything_on(echo: str) -> None:
    async with LinkProxy(echo) as proxy:
        assert proxy.url == f"ws://127.0.0.1:{proxy.port}/posewire/v1/"
        stream = await to(proxy)
        await round_trip(stream, bytes(range(256)) * 1000)
        stream[1].close()
        assert await stream[0].read() == b""


async def test_latency_is_on_both_ways(echo: str) -> None:
    async with LinkProxy(echo, LinkConditions(latency_ms=50)) as proxy:
        stream = await to(proxy)
        assert await round_trip(stream, b"x") >= 0.1
        await proxy.change(latency_ms=0)
        assert await round_trip(stream, b"x") < 0.1


async def test_bandwidth_is_kept_and_holds_the_sender_up(echo: str) -> None:
    async with LinkProxy(echo, LinkConditions(kbit_s=800)) as proxy:  # 100 kB/s
        stream = await to(proxy)
        assert await round_trip(stream, bytes(50_000)) >= 0.5
        await proxy.change(kbit_s=8)
        slow = socket.create_connection(("127.0.0.1", proxy.port))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        slow.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 1_000_000:
                sent += slow.send(bytes(4096))
                await asyncio.sleep(0.005)
        assert sent < 100_000  # little is buffered on the way
        slow.close()
        proxy.reset()


async def test_pieces_arrive_in_order_whatever_jitter(echo: str) -> None:
    async with LinkProxy(echo, LinkConditions(jitter_ms=20, chunk=3)) as proxy:
        await round_trip(await to(proxy), bytes(range(256)) * 20)


async def test_a_stalled_link_says_nothing_and_goes_on(echo: str) -> None:
    async with LinkProxy(echo) as proxy:
        stream = await to(proxy)
        await round_trip(stream, b"before")
        await proxy.change(stall=True)
        waiting = asyncio.ensure_future(round_trip(stream, b"during"))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await proxy.change(stall=False)
        await waiting


async def test_a_half_open_connection_is_silent_for_ever(echo: str) -> None:
    async with LinkProxy(echo) as proxy:
        old = await to(proxy)
        await round_trip(old, b"x")
        proxy.half_open()
        old[1].write(b"lost")
        await round_trip(await to(proxy), b"new ones work")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await old[0].read(1)


async def test_connections_are_reset_and_refused(echo: str) -> None:
    async with LinkProxy(echo) as proxy:
        stream = await to(proxy)
        await round_trip(stream, b"x")
        await proxy.change(refuse=True)
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await stream[0].read()
        with pytest.raises(ConnectionRefusedError):
            await to(proxy)
        await proxy.change(refuse=False)
        await round_trip(await to(proxy), b"y")
        assert proxy.connections == 2


async def test_a_script_changes_the_conditions(echo: str) -> None:
    async with LinkProxy(echo) as proxy:
        stream = await to(proxy)
        await round_trip(stream, b"x")
        await proxy.run([Step(0, {"latency_ms": 30}), Step(0.02, {"kbit_s": 100.0}, "reset")])
        assert (proxy.conditions.latency_ms, proxy.conditions.kbit_s) == (30, 100)
        with pytest.raises(ConnectionResetError):
            await stream[0].read()


def test_scripts_are_read(tmp_path: Path) -> None:
    lines, trace = tmp_path / "walk.jsonl", tmp_path / "trace.csv"
    lines.write_text('{"at": 0, "kbit_s": 200}\n\n{"at": 2.5, "stall": true, "do": "half_open"}\n')
    assert read_script(lines) == [Step(0, {"kbit_s": 200.0}), Step(2.5, {"stall": True}, "half_open")]
    trace.write_text("at,kbit_s,latency_ms,stall\n0,200,20,\n1,,300,true\n")
    assert read_script(trace) == [
        Step(0, {"kbit_s": 200.0, "latency_ms": 20.0}),
        Step(1, {"latency_ms": 300.0, "stall": True}),
    ]


def test_a_recorded_trace_is_read_and_stalls_where_nothing_passed(tmp_path: Path) -> None:
    file = tmp_path / "driving.up"
    file.write_text("20\n20\n90\n130\n410\n450\n")
    assert read_script(file) == [
        Step(0, {"stall": False, "kbit_s": 360.0}),
        Step(0.1, {"stall": False, "kbit_s": 120.0}),
        Step(0.2, {"stall": True}),
        Step(0.4, {"stall": False, "kbit_s": 240.0}),
    ]


@pytest.mark.parametrize("text", ["20\n10\n", "20\nfive\n", "99999999999\n"])
def test_a_trace_that_makes_no_sense_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "driving.up"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"driving\.up:[12]: "):
        read_script(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "walk:1: not JSON"),
        ("[]", "each line must be a JSON object"),
        ('{"kbit_s": 1}', '"at" must be of the type float'),
        ('{"at": 1}\n{"at": 0}', "walk:2: the time 0 is earlier"),
        ('{"at": 0, "speed": 1}', 'no condition "speed"'),
        ('{"at": 0, "kbit_s": -1}', "walk:1: kbit_s must be 0 or more"),
        ('{"at": 0, "stall": 2}', '"stall" must be of the type bool'),
        ('{"at": 0, "do": "explode"}', '"do" must be one of reset, half_open'),
    ],
)
def test_a_script_that_makes_no_sense_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "walk"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_script(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_script(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="must begin with"):
        LinkProxy("127.0.0.1:80")


async def test_the_command(echo: str) -> None:
    command = [sys.executable, "-m", "posewire", "sim", "net", "--url", echo, "--latency", "1"]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().split()[0]
        stream = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].split("/")[0]))
        await round_trip(stream, b"x")
        stream[1].close()
        process.send_signal(signal.SIGINT)
        assert b"1 connections" in await process.stdout.read()
        assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
