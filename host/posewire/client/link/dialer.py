"""Opening a way to one of several addresses, with the token of this moment."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

from posewire.client.endpoints import Endpoint, Endpoints
from posewire.client.link.credentials import Credentials
from posewire.client.link.session import Session
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.transports.base import Opener, Transport
from posewire.errors import ConfigError, PosewireError, UnauthorizedError

PROTOCOL = 3
"""The frame protocol of programs."""

_HEAD_START = 0.3
"""Seconds that an address has before a stand-by is tried beside it."""

Begin = Callable[[Endpoint, Transport, float], Awaitable[Session]]
"""Begins a session on an opened way, within so many seconds; raises ``PosewireError`` where that fails."""


class Dialer:
    """Tries the addresses of a host until one takes this program. ``begin`` says hello on what was opened."""

    def __init__(
        self,
        endpoints: Endpoints,
        credentials: Credentials,
        device: str,
        open_transport: Opener,
        statistics: ConnectionStatistics,
        begin: Begin,
    ) -> None:
        if not device.isprintable():
            raise ConfigError(f"a device id must have printable characters only, unlike {device!r}")
        self.client_id = str(uuid.uuid4())
        self.endpoint: Endpoint | None = None
        """The address of the present connection, or of the last one."""

        self.endpoints = endpoints
        self.credentials = credentials
        self.device = device
        self._open_transport = open_transport
        self._statistics = statistics
        self._begin = begin
        self._ready: tuple[Endpoint, Transport] | None = None

    async def dial(self, timeout_s: float) -> Session:
        """Try each address once, until one takes this program.

        Raises:
            HostUnreachableError: no host answers at any of them, or those that do refuse.
            WireError: a host refuses the hello.
        """
        last: PosewireError | None = None
        opening: dict[asyncio.Task[Transport], Endpoint] = {}
        waiting = list(self.endpoints.round())
        patience = _HEAD_START if self.endpoints.has_stand_by else None
        if self._ready is not None:
            endpoint, transport = self._ready
            self._ready = None
            waiting.remove(endpoint)
            opening[asyncio.ensure_future(_opened(transport))] = endpoint
        try:
            while waiting or opening:
                if not opening or patience is not None:
                    self._try_next(waiting, opening, timeout_s)
                done, _ = await asyncio.wait(
                    opening, timeout=patience if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    endpoint = opening.pop(task)
                    try:
                        session = await self._begin(endpoint, task.result(), timeout_s)
                    except PosewireError as error:
                        self._failed(endpoint, error)
                        # A host that is there and says no counts for more than one that is away.
                        if not isinstance(last, UnauthorizedError):
                            last = error
                        continue
                    endpoint.succeeded()
                    self.endpoint = endpoint
                    return session
        finally:
            for task in opening:
                task.add_done_callback(_drop)
                task.cancel()
        assert last is not None
        raise last

    async def wait_for_preferred(self, every_s: float, timeout_s: float) -> str:
        """Return, while a stand-by is in use, when an address that is preferred answers again; else never.

        What was opened to it is what ``dial`` begins with.
        """
        while self.endpoint is not None and not self.endpoint.weight:
            await asyncio.sleep(every_s)
            for endpoint in self.endpoints.round():
                if not endpoint.weight:
                    continue
                endpoint.attempts += 1
                self._statistics.attempts += 1
                try:
                    self._ready = endpoint, await self._open(endpoint, timeout_s)
                except PosewireError as error:
                    endpoint.failed(error)
                    continue
                return f"{endpoint.shown} answers again"
        await asyncio.Event().wait()
        return ""

    def close(self) -> None:
        """Close what was opened to a preferred address, and is not needed any more."""
        if self._ready is not None:
            self._ready[1].abort()
            self._ready = None

    def _try_next(
        self, waiting: list[Endpoint], opening: dict[asyncio.Task[Transport], Endpoint], timeout_s: float
    ) -> None:
        if waiting:
            endpoint = waiting.pop(0)
            self._statistics.attempts += 1
            endpoint.attempts += 1
            opening[asyncio.ensure_future(self._open(endpoint, timeout_s))] = endpoint

    def _failed(self, endpoint: Endpoint, error: PosewireError) -> None:
        endpoint.failed(error)
        self._statistics.failures_in_a_row += 1
        self._statistics.errors[error.code] += 1

    async def _open(self, endpoint: Endpoint, timeout_s: float) -> Transport:
        try:
            return await self._open_once(endpoint, timeout_s)
        except UnauthorizedError:
            if not self.credentials.renewable:
                raise
        await self.credentials.token(refused=True)
        return await self._open_once(endpoint, timeout_s)

    async def _open_once(self, endpoint: Endpoint, timeout_s: float) -> Transport:
        headers = {"Device-Id": self.device, "Client-Id": self.client_id, "Protocol-Version": str(PROTOCOL)}
        token = await self.credentials.token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return await self._open_transport(endpoint.url, headers, timeout_s)


async def _opened(transport: Transport) -> Transport:
    return transport


def _drop(task: asyncio.Task[Transport]) -> None:
    """Close what was opened beside the one that is used."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()
