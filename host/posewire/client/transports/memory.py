"""A way within one process, for tests and for programs that bring their own network."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from posewire.client.transports.base import Delivery, TransportCounts
from posewire.wire.close_codes import ABNORMAL, NORMAL

Fate = Callable[[str | bytes, Delivery], tuple[str | bytes, ...] | None]
"""What becomes of a message: the messages that arrive in its place (none: it is lost), or None: the way breaks."""


def _arrives(message: str | bytes, delivery: Delivery) -> tuple[str | bytes, ...]:
    return (message,)


class MemoryTransport:
    """One end of a way within this process (``base.Transport``); ``memory_pair`` makes both.

    ``fate`` decides about each message that is sent here. At most ``capacity`` messages wait for the other end; sending
    then waits for it.
    """

    name = "memory"

    def __init__(self, capacity: int = 256, fate: Fate = _arrives, lossy: bool = False) -> None:
        self.fate = fate
        self.lossy = lossy
        self.close_code: int | None = None
        self.close_reason = ""
        self._capacity = capacity
        self._other: MemoryTransport | None = None
        self._waiting: deque[str | bytes] = deque()
        self._changed = asyncio.Event()
        self._counts = TransportCounts()

    def join(self, other: "MemoryTransport") -> None:
        """Make ``other`` the end to which messages go."""
        self._other = other

    async def send(self, message: str | bytes, delivery: Delivery = Delivery.RELIABLE) -> None:
        """Send a message; waits while the other end has too many.

        Raises:
            ConnectionError: the way is closed.
        """
        other = self._other
        while other is not None and self.close_code is None and len(other._waiting) >= self._capacity:
            await other._next_change()
        arriving = self.fate(message, delivery) if self.close_code is None else None
        if arriving is None or other is None:
            self._counts.failed += 1
            self.abort()
            raise ConnectionError(self.close_reason or "the way is closed")
        self._counts.sent(len(message))
        other._waiting.extend(arriving)
        other._change()

    async def probe(self) -> None:
        """Wait until the other end has taken everything: nobody answers here.

        Raises:
            ConnectionError: the way is closed.
        """
        other = self._other
        while other is not None and self.close_code is None and other._waiting:
            await other._next_change()
        if self.close_code is not None:
            raise ConnectionError(self.close_reason)

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Iterate over the messages that come, until the way is closed."""
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                self._counts.received(len(message))
                self._change()
                yield message
            if self.close_code is not None:
                return
            await self._next_change()

    async def close(self) -> None:
        """Close it, both ends."""
        self._end(NORMAL, "closed")

    def abort(self) -> None:
        """Close it, both ends, as when a network breaks."""
        self._end(ABNORMAL, "")

    def statistics(self) -> dict[str, Any]:
        """Return what was counted."""
        return self._counts.as_dict()

    def _end(self, code: int, reason: str) -> None:
        for side in (self, self._other):
            if side is not None and side.close_code is None:
                side.close_code, side.close_reason = code, reason
                side._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _next_change(self) -> None:
        await self._changed.wait()


def memory_pair(
    capacity: int = 256, fate: Fate = _arrives, lossy: bool = False
) -> tuple[MemoryTransport, MemoryTransport]:
    """Return both ends of a way; ``fate`` decides about what is sent by the first of them."""
    one, other = MemoryTransport(capacity, fate, lossy), MemoryTransport(capacity)
    one.join(other)
    other.join(one)
    return one, other
