"""Requests to the host: something is said, and the host has handled it when it answers the ping behind it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from posewire.client.link.heartbeat import Heartbeat
from posewire.errors import HostUnreachableError, WireError


class Requests:
    """Makes one request at a time. ``send`` puts a message on the way, ``wait_connected`` waits for the host."""

    def __init__(
        self,
        heartbeat: Heartbeat,
        send: Callable[[Mapping[str, Any]], None],
        wait_connected: Callable[[float], Awaitable[None]],
        timeout_s: float,
    ) -> None:
        self._heartbeat = heartbeat
        self._send = send
        self._wait_connected = wait_connected
        self._timeout = timeout_s
        self._one = asyncio.Lock()
        self._refusals: list[WireError] = []

    def begin(self) -> None:
        """Forget the refusals of before."""
        self._refusals.clear()

    def refused(self, error: WireError) -> None:
        """Take an error that a message has caused: the request under way."""
        self._refusals.append(error)

    @property
    def refusal(self) -> WireError | None:
        """The first error since ``begin``."""
        return self._refusals[0] if self._refusals else None

    async def ask(self, message: Mapping[str, Any]) -> None:
        """Send a message and wait until the host has handled it.

        Raises:
            WireError: the host has refused it.
            AnswerTimeoutError: it has not answered in time.
            NotConnectedError: the connection is closed, or the host has been away for too long.
            HostUnreachableError: the connection was lost before the answer.
        """
        async with self._one:
            await self._wait_connected(self._timeout)
            self.begin()
            self._send(message)
            try:
                await self._heartbeat.barrier(self._timeout)
            except ConnectionError:
                raise HostUnreachableError("the connection was lost before the host answered") from None
            if self.refusal is not None:
                raise self.refusal
