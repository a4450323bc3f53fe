"""Opening a way to one of several addresses, with the token of this moment."""

import uuid
from collections.abc import Awaitable, Callable

from posewire.client.endpoints import Endpoint, Endpoints
from posewire.client.link.credentials import Credentials
from posewire.client.link.session import Session
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.transports.base import Opener, Transport
from posewire.errors import PosewireError, UnauthorizedError

PROTOCOL = 3
"""The frame protocol of programs."""

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
        self.client_id = str(uuid.uuid4())
        self.endpoint: Endpoint | None = None
        """The address of the present connection, or of the last one."""

        self.endpoints = endpoints
        self.credentials = credentials
        self.device = device
        self._open_transport = open_transport
        self._statistics = statistics
        self._begin = begin

    async def dial(self, timeout_s: float) -> Session:
        """Try each address once, until one takes this program.

        Raises:
            HostUnreachableError: no host answers at any of them, or those that do refuse.
            WireError: a host refuses the hello.
        """
        last: PosewireError | None = None
        for endpoint in self.endpoints.round():
            self._statistics.attempts += 1
            endpoint.attempts += 1
            try:
                session = await self._begin(endpoint, await self._open(endpoint, timeout_s), timeout_s)
            except PosewireError as error:
                endpoint.failed(error)
                self._statistics.failures_in_a_row += 1
                self._statistics.errors[error.code] += 1
                # A host that is there and says no counts for more than one that is away.
                if not isinstance(last, UnauthorizedError):
                    last = error
                continue
            endpoint.succeeded()
            self.endpoint = endpoint
            return session
        assert last is not None
        raise last

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
