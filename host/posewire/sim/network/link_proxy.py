"""A simulated network before a host, which any board, client or bridge can be put behind by its URL.

Connections go through it, and the data channels for which they ask.
"""

import asyncio
import contextlib
import random
import socket
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from posewire.errors import ConfigError
from posewire.sim.network.answer_rewriter import AnswerRewriter
from posewire.sim.network.datagram_proxy import DatagramProxy, rerouted
from posewire.sim.network.link_conditions import LinkConditions, Step
from posewire.task_scope import TaskScope

_SOCKET_BUFFER = 8 * 1024
"""Of the kernel, each side: it would hide a slow link behind a megabyte."""

_PIECE = 1400
"""Bytes that pass a link with a bandwidth at once: a packet."""


class LinkProxy:
    """Listens on this machine and passes everything on to the host of ``url``, under ``conditions``.

    The same ``seed`` gives the same jitter to the n-th connection. An async context manager. Data channels go through
    it, too, unless the connection is one with TLS: their addresses are in what the host says.
    """

    def __init__(self, url: str, conditions: LinkConditions | None = None, seed: int = 0) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.scheme not in ("ws", "wss", "http", "https"):
            raise ConfigError(f"the host's URL must begin with ws://, wss://, http:// or https://, not {url!r}")
        self._parts = parts
        self._target = parts.hostname, parts.port or (443 if parts.scheme in ("wss", "https") else 80)
        self.conditions = conditions or LinkConditions()
        self.port = 0
        self.connections = 0
        """Connections since the start."""

        self.bytes_up = 0
        self.bytes_down = 0
        self.datagrams = DatagramProxy(self.conditions, seed)
        """The network of the data channels."""

        self._seed = seed
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()
        self._tasks = TaskScope(lambda error: None)
        self._open: set[_Connection] = set()

    async def __aenter__(self) -> "LinkProxy":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """The host's URL by way of this proxy."""
        return urlunsplit(self._parts._replace(netloc=f"127.0.0.1:{self.port}"))

    async def start(self, port: int = 0) -> None:
        """Listen; ``port`` 0: any.

        Raises:
            OSError: the port is taken.
        """
        self.port = port or self.port
        if not self.conditions.refuse:
            await self._listen()

    async def close(self) -> None:
        """Stop, and reset all connections."""
        self._stop_listening()
        self.reset()
        self.datagrams.close()
        await self._tasks.close()

    async def change(self, **conditions: Any) -> None:
        """Change conditions; those that are not named stay.

        Raises:
            ConfigError: a value out of range.
        """
        self.conditions = self.datagrams.conditions = replace(self.conditions, **conditions)
        self._changed.set()
        self._changed = asyncio.Event()
        if self.conditions.refuse:
            self._stop_listening()
        elif self._server is None:
            await self._listen()

    def reset(self) -> None:
        """Break all connections with a reset."""
        for connection in list(self._open):
            connection.reset()

    def half_open(self) -> None:
        """Let all present connections fall silent for ever, as when a router forgets them; new ones work."""
        for connection in self._open:
            connection.silent = True

    async def run(self, steps: Sequence[Step]) -> None:
        """Do the steps of a script at their times."""
        began = asyncio.get_running_loop().time()
        for step in steps:
            await asyncio.sleep(began + step.at - asyncio.get_running_loop().time())
            await self.change(**step.changes)
            if step.do == "reset":
                self.reset()
            elif step.do == "half_open":
                self.half_open()

    async def until_changed(self) -> None:
        """Wait for the next change of the conditions."""
        await self._changed.wait()

    async def _listen(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listening, limit=_PIECE)

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        far = socket.socket()
        far.setblocking(False)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)
        try:
            await asyncio.get_running_loop().sock_connect(far, self._target)
            far_reader, far_writer = await asyncio.open_connection(sock=far, limit=_PIECE)
        except OSError:
            far.close()
            writer.transport.abort()
            return
        connection = _Connection(self, writer, far_writer)
        self._open.add(connection)
        up = _Direction(self, connection, reader, far_writer, random.Random(f"{self._seed}/{number}/up"))
        down = _Direction(self, connection, far_reader, writer, random.Random(f"{self._seed}/{number}/down"))
        down.change = AnswerRewriter(lambda answer: rerouted(answer, self.datagrams.route)).feed
        ends = [self._tasks.spawn(end) for end in (up.read(), up.write(), down.read(), down.write())]
        try:
            await asyncio.wait(ends)
        finally:
            self._open.discard(connection)
            self.bytes_up += up.passed
            self.bytes_down += down.passed
            connection.reset()


class _Connection:
    def __init__(self, proxy: LinkProxy, *writers: asyncio.StreamWriter) -> None:
        self.silent = False
        self._writers = writers
        for writer in writers:
            writer.transport.set_write_buffer_limits(high=0)

    def reset(self) -> None:
        for writer in self._writers:
            plain = writer.transport.get_extra_info("socket")
            with contextlib.suppress(OSError, AttributeError):
                # Linger of 0 s: the close becomes a reset.
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            writer.transport.abort()


class _Direction:
    """One direction of a connection: a bounded buffer, a time of arrival for each piece, and a bottleneck."""

    def __init__(
        self,
        proxy: LinkProxy,
        connection: _Connection,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        chance: random.Random,
    ) -> None:
        self.passed = 0
        self.change: Callable[[bytes], bytes] = lambda data: data
        """What becomes of what comes."""

        self._proxy = proxy
        self._connection = connection
        self._source = source
        self._sink = sink
        self._chance = chance
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._changed = asyncio.Event()
        self._ended = False
        self._due = 0.0

    async def read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await self._source.read(_PIECE):
                if self._connection.silent:
                    continue
                data = self.change(data)
                if not data:
                    continue
                conditions = self._proxy.conditions
                way = conditions.latency_ms + self._chance.random() * conditions.jitter_ms
                self._due = max(self._due, loop.time() + way / 1000)
                self._waiting.append((self._due, data))
                self._size += len(data)
                self._changed.set()
                while self._size > self._proxy.conditions.buffer_bytes:
                    self._changed.clear()
                    await self._changed.wait()
        finally:
            self._ended = True
            self._changed.set()

    async def write(self) -> None:
        loop = asyncio.get_running_loop()
        free = 0.0
        while True:
            while not self._waiting:
                if self._ended:
                    self._sink.close()
                    return
                self._changed.clear()
                await self._changed.wait()
            due, data = self._waiting[0]
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            while self._proxy.conditions.stall:
                await self._proxy.until_changed()
            conditions = self._proxy.conditions
            if conditions.kbit_s:
                free = max(free, loop.time()) + len(data) * 8 / (conditions.kbit_s * 1000)
                await asyncio.sleep(free - loop.time())
            self._waiting.popleft()
            self._size -= len(data)
            self._changed.set()
            if not self._connection.silent:
                await self._put(data, conditions.chunk or len(data))

    async def _put(self, data: bytes, chunk: int) -> None:
        for first in range(0, len(data), chunk):
            self._sink.write(data[first : first + chunk])
            await self._sink.drain()
            if chunk < len(data):
                await asyncio.sleep(0)
        self.passed += len(data)
