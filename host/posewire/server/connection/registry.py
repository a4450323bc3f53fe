"""The connections of a host: by session and by device; and what a lost one left behind, for its return."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from posewire.hub import ConnectionPool
from posewire.server.connection.resume import Held

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


class ConnectionRegistry:
    """Sessions that said hello; a device that connects again replaces its older one. And who has not said it yet."""

    def __init__(self, pool: "ConnectionPool[ConnectionHandler]") -> None:
        self._pool = pool
        self._held: dict[str, Held] = {}
        self._expected: dict[ConnectionHandler, None] = {}
        self._awaited: dict[str, set[asyncio.Future[None]]] = {}
        self.open = 0
        self._addresses: Counter[str] = Counter()
        self._empty = asyncio.Event()

    def opened(self, address: str) -> None:
        """Count a connection that was let in."""
        self.open += 1
        self._addresses[address] += 1
        self._empty.clear()

    def closed(self, address: str) -> None:
        """Count a connection that is gone."""
        self.open -= 1
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        if not self.open:
            self._empty.set()

    def at(self, address: str) -> int:
        """Return how many connections come from an address."""
        return self._addresses[address]

    async def drained(self) -> None:
        """Wait until no connection is open."""
        if self.open:
            await self._empty.wait()

    def __len__(self) -> int:
        return len(self._pool)

    def __iter__(self) -> "Iterator[ConnectionHandler]":
        return iter(self._pool)

    def session(self, session_id: str) -> "ConnectionHandler | None":
        """Return the live connection of a session."""
        return self._pool.get(session_id)

    def device(self, device_id: str) -> "ConnectionHandler | None":
        """Return the live connection of a device."""
        return self._pool.device(device_id)

    async def arrival(self, device_id: str) -> None:
        """Wait until a device says hello; not for one that is here already."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        all_waiting = self._awaited.setdefault(device_id, set())
        all_waiting.add(waiting)
        try:
            await waiting
        finally:
            all_waiting.discard(waiting)
            if not all_waiting:
                self._awaited.pop(device_id, None)

    def expect(self, handler: "ConnectionHandler") -> None:
        """Note a connection that was let in and has not said hello yet."""
        self._expected[handler] = None

    def everybody(self) -> "Iterator[ConnectionHandler]":
        """Iterate over all connections that were let in, also those that have not said hello yet."""
        return iter([*self._pool, *self._expected])

    def add(self, handler: "ConnectionHandler") -> "ConnectionHandler | None":
        """Register a session; returns the connection of the same device that it replaces, if there is one."""
        self._expected.pop(handler, None)
        for waiting in self._awaited.get(handler.device_id, ()):
            if not waiting.done():
                waiting.set_result(None)
        return self._pool.add(handler.session_id, handler, handler.device_id)

    def remove(self, handler: "ConnectionHandler") -> None:
        """Forget a connection; entries that another connection has taken over stay."""
        self._expected.pop(handler, None)
        self._pool.remove(handler.session_id, handler)

    def hold(self, session_id: str, held: Held) -> None:
        """Keep what a lost session left until its timer fires or it is taken back."""
        self._held[session_id] = held

    def held(self) -> Iterator[tuple[str, Held]]:
        """Iterate over what lost sessions left, by session id."""
        return iter(self._held.items())

    def held_for(self, device_id: str) -> list[str]:
        """Return the session ids of what is held for a device."""
        return [session_id for session_id, held in self._held.items() if held.device_id == device_id]

    def take_held(self, session_id: str, device_id: str) -> Held | None:
        """Give a lost session back to its device; None when it is too late or was another device's."""
        held = self._held.get(session_id)
        if held is None or held.device_id != device_id:
            return None
        held.timer.cancel()
        return self._held.pop(session_id)

    def drop_held(self, session_id: str) -> Held | None:
        """Forget a lost session for good."""
        held = self._held.pop(session_id, None)
        if held is not None:
            held.timer.cancel()
        return held
