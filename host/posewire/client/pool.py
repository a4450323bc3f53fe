"""Several connections to one host, for programs with many rooms: a connection is in one room at a time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic
from types import TracebackType
from typing import Any

from posewire.client.connection import HostConnection
from posewire.client.endpoints import Endpoint
from posewire.client.link.connection_state import ConnectionState
from posewire.client.room.room import Room
from posewire.client.unique_name import unique_name
from posewire.errors import ConfigError, NotConnectedError, PosewireError, QueueFullError
from posewire.task_scope import TaskScope


class ConnectionPool:
    """Opens connections when they are needed, and closes those that are not; use it as an async context manager.

    ``least``: so many are always open; ``most``: never more. ``idle_s``: what has not been used for so long is closed.
    ``check_s``: how often the pool looks after its connections: those that are over are replaced. The other options are
    those of ``HostConnection``; ``device`` is what the device ids begin with.
    """

    def __init__(
        self,
        urls: str | Sequence[str | Endpoint],
        *,
        least: int = 0,
        most: int = 16,
        idle_s: float = 60.0,
        check_s: float = 5.0,
        device: str = "",
        **options: Any,
    ) -> None:
        if not 0 <= least <= most or most < 1:
            raise ConfigError(f"a pool needs 0 <= least <= most and a most of 1 or more, not {least} and {most}")
        self._urls = urls
        self._least, self._most = least, most
        self._idle_s, self._check_s = idle_s, check_s
        self._device = device or unique_name("pool")
        self._options = options
        self._idle: list[tuple[float, HostConnection]] = []
        self._used: set[HostConnection] = set()
        self._opening = 0
        self._named = self._opened = self._ended = self._waiting = 0
        self._freed = asyncio.Condition()
        self._tasks = TaskScope()
        self._closed = False

    async def __aenter__(self) -> "ConnectionPool":
        try:
            await self._fill()
        except BaseException:
            await self.close()
            raise
        self._tasks.spawn(self._maintain(), "pool")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections, those in use as well."""
        self._closed = True
        await self._tasks.close()
        every = [connection for _, connection in self._idle] + list(self._used)
        self._idle.clear()
        await asyncio.gather(*(connection.close() for connection in every))
        async with self._freed:
            self._freed.notify_all()

    @asynccontextmanager
    async def connection(self, timeout_s: float = 10.0) -> AsyncIterator[HostConnection]:
        """Use a connection that nobody else uses: one that is there, or a new one.

        Raises:
            QueueFullError: ``most`` are in use, and none was given back within ``timeout_s`` seconds.
            NotConnectedError: the pool is closed.
            HostUnreachableError: see ``HostConnection``.
        """
        used = await self._acquire(timeout_s)
        try:
            yield used
        finally:
            await self._release(used)

    @asynccontextmanager
    async def room(self, name: str, *, timeout_s: float = 10.0, **options: Any) -> AsyncIterator[Room]:
        """Be in a room for as long as the block runs; the options and errors are those of ``HostConnection.join``."""
        async with self.connection(timeout_s) as host:
            yield await host.join(name, **options)

    def statistics(self) -> dict[str, Any]:
        """Return how many connections are open, in use and idle, and how many were opened and closed so far.

        ``utilisation``: the share of ``most`` that is in use; ``waiting``: how many wait for one.
        """
        return {
            "open": len(self._idle) + len(self._used),
            "in_use": len(self._used),
            "idle": len(self._idle),
            "capacity": self._most,
            "utilisation": len(self._used) / self._most,
            "waiting": self._waiting,
            "opened": self._opened,
            "closed": self._ended,
        }

    async def _acquire(self, timeout_s: float) -> HostConnection:
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout_s), self._freed:
                while True:
                    if self._closed:
                        raise NotConnectedError("the pool is closed")
                    self._drop_ended()
                    # One that is connected before one that is being opened again.
                    self._idle.sort(key=lambda entry: (entry[1].connected, entry[0]))
                    if self._idle:
                        _, found = self._idle.pop()
                        self._used.add(found)
                        return found
                    if len(self._used) + self._opening < self._most:
                        self._opening += 1
                        break
                    await self._freed.wait()
        except TimeoutError:
            raise QueueFullError(
                f"all {self._most} connections are in use", capacity=self._most, retry_after=timeout_s
            ) from None
        finally:
            self._waiting -= 1
        try:
            made = await self._open()
        except BaseException:
            self._opening -= 1
            async with self._freed:
                self._freed.notify()  # somebody else may have more luck
            raise
        self._opening -= 1
        self._used.add(made)
        return made

    async def _release(self, used: HostConnection) -> None:
        clean = False
        try:
            room = used.room
            if room is not None and room.closed is None and used.connected:
                with suppress(PosewireError):
                    await room.leave()
            clean = used.room is None or used.room.closed is not None
        finally:  # also where whoever used it is cancelled meanwhile
            self._used.discard(used)
            if clean and used.state is not ConnectionState.CLOSED and not self._closed:
                self._idle.append((monotonic(), used))
            else:
                self._ended += 1
                await used.close()
            async with self._freed:
                self._freed.notify()

    async def _open(self) -> HostConnection:
        self._named += 1
        connection = HostConnection(self._urls, device=f"{self._device}-{self._named}", **self._options)
        await connection.open()
        self._opened += 1
        return connection

    async def _fill(self) -> None:
        while len(self._idle) + len(self._used) + self._opening < self._least:
            self._opening += 1
            try:
                made = await self._open()
            finally:
                self._opening -= 1
            self._idle.append((monotonic(), made))

    def _drop_ended(self) -> None:
        """Forget the connections that are over."""
        alive = [entry for entry in self._idle if entry[1].state is not ConnectionState.CLOSED]
        self._ended += len(self._idle) - len(alive)
        self._idle = alive

    async def _maintain(self) -> None:
        while True:
            await asyncio.sleep(self._check_s)
            self._drop_ended()
            limit = monotonic() - self._idle_s
            for entry in sorted(self._idle, key=lambda entry: entry[0]):
                if entry[0] < limit and len(self._idle) + len(self._used) > self._least:
                    self._idle.remove(entry)
                    self._ended += 1
                    await entry[1].close()
            with suppress(PosewireError):  # the host is away: the next look tries again
                await self._fill()
            async with self._freed:
                self._freed.notify_all()
