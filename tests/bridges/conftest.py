"""A host inside the test, a member beside the bridge, and python-osc as the program on the other side."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

import posewire
from posewire.bridges.bridge import Bridge, join_and_run
from posewire.client.room.room import Room
from posewire.server.host import Host
from support.hosts import settings
from support.waiting import eventually


class OscProgram:
    """Another program: receives OSC with python-osc's dispatcher, over UDP."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, tuple[Any, ...]]] = []
        self.address = ("", 0)

    def last(self, address: str) -> tuple[Any, ...] | None:
        """Return the arguments of the last message for an address."""
        return next((values for name, values in reversed(self.heard) if name == address), None)

    def all(self, address: str) -> list[tuple[Any, ...]]:
        return [values for name, values in self.heard if name == address]


@pytest_asyncio.fixture
async def program() -> AsyncIterator[OscProgram]:
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import AsyncIOOSCUDPServer

    program, dispatcher = OscProgram(), Dispatcher()
    dispatcher.set_default_handler(lambda address, *values: program.heard.append((address, values)))
    server = AsyncIOOSCUDPServer(("127.0.0.1", 0), dispatcher, asyncio.get_running_loop())  # type: ignore[arg-type]
    transport, _ = await server.create_serve_endpoint()
    program.address = transport.get_extra_info("sockname")
    yield program
    transport.close()


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    running = Host(settings())
    await running.start()
    yield running
    await running.stop()


@asynccontextmanager
async def member(
    host: Host, device: str, publish: Sequence[str] = ("pose",), subscribe: Sequence[str] = ("pose",)
) -> AsyncIterator[Room]:
    async with posewire.connect(host.url, device=device) as connection:
        yield await connection.join("studio", publish=publish, subscribe=subscribe)


@asynccontextmanager
async def bridging(bridge: Bridge, host: Host, name: str = "bridge") -> AsyncIterator[str]:
    """Run a bridge while the block runs; gives what it said when it was ready."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def is_ready(where: str) -> None:
        if not ready.done():  # a bridge says it again when it has joined again
            ready.set_result(where)

    work = asyncio.create_task(join_and_run(bridge, host.url, "studio", name=name, ready=is_ready))
    try:
        await asyncio.wait([work, ready], return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            await work
        yield await ready
    finally:
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work


async def send_until(send: Callable[[], Any], condition: Callable[[], Any]) -> None:
    """Do something again and again until a condition holds: datagrams may be lost, and early poses find nobody."""

    def attempt() -> bool:
        send()
        return bool(condition())

    await eventually(attempt)


@pytest.fixture(autouse=True)
def _no_bridge_without_osc() -> None:
    pytest.importorskip("pythonosc")
