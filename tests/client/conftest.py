"""A host inside the test, and a link to it that can be cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest_asyncio

from posewire.server.host import Host
from server.conftest import settings


class Link:
    """A TCP proxy before a host. ``cut``: connections break and none is made; ``freeze``: nothing passes any more."""

    def __init__(self, target: str) -> None:
        address = urlsplit(target)
        self._host, self._port = address.hostname, address.port
        self._path = address.path
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.opened = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{self._path}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Break all connections; none is made until ``start``."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        self._writers.clear()

    def freeze(self, frozen: bool = True) -> None:
        """Hold back everything, both ways, without a sign of it."""
        if frozen:
            self._flows.clear()
        else:
            self._flows.set()

    async def mend(self) -> None:
        """Undo ``cut`` and ``freeze``."""
        self.freeze(False)
        if self._server is None or not self._server.is_serving():
            await self.start()

    async def close(self) -> None:
        await self.cut()
        self.freeze(False)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            self._writers |= {writer, far_writer}
            for source, sink in ((reader, far_writer), (far_reader, writer)):
                task = asyncio.create_task(self._pipe(source, sink))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await self._flows.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    running = Host(settings(resume_window=5.0, max_connections=64))
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture
async def link(host: Host) -> AsyncIterator[Link]:
    between = Link(host.url)
    await between.start()
    yield between
    await between.close()
