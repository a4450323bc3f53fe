"""The connections of a host: by session, by device and by address, also those that have not said hello yet."""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator

from posewire.address_group import address_group
from posewire.hub import ConnectionPool
from posewire.server.connection.peer import Peer

_MOST_LOST = 1000


class ConnectionRegistry:
    """Knows every open connection. A device that connects again replaces its older connection."""

    def __init__(self, pool: ConnectionPool[Peer]) -> None:
        self.open = 0
        """How many connections are open."""

        self.lost: OrderedDict[str, float] = OrderedDict()
        """Boards whose connection was lost, and that have not come back: unix time of the loss, the newest last."""

        self._pool = pool
        self._pending: dict[Peer, None] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}
        self._addresses: Counter[str] = Counter()
        self._empty = asyncio.Event()

    def opened(self, address: str) -> None:
        """Count a connection that was admitted."""
        self.open += 1
        self._addresses[address_group(address)] += 1
        self._empty.clear()

    def closed(self, address: str) -> None:
        """Count a connection that is gone."""
        self.open -= 1
        group = address_group(address)
        self._addresses[group] -= 1
        if not self._addresses[group]:
            del self._addresses[group]
        if not self.open:
            self._empty.set()

    def at(self, address: str) -> int:
        """Return how many connections come from an address, or from its IPv6 network."""
        return self._addresses[address_group(address)]

    async def drained(self) -> None:
        """Wait until no connection is open."""
        if self.open:
            await self._empty.wait()

    def __len__(self) -> int:
        """Return how many connections have said hello."""
        return len(self._pool)

    def __iter__(self) -> Iterator[Peer]:
        """Iterate over the connections that have said hello."""
        return iter(self._pool)

    def all_connections(self) -> Iterator[Peer]:
        """Iterate over all connections, also those that have not said hello yet."""
        return iter([*self._pool, *self._pending])

    def session(self, session_id: str) -> Peer | None:
        """Return the connection of a session."""
        return self._pool.get(session_id)

    def device(self, device_id: str) -> Peer | None:
        """Return the connection of a device."""
        return self._pool.device(device_id)

    async def wait_for_device(self, device_id: str) -> None:
        """Wait until a device is connected and has said hello."""
        if self.device(device_id) is not None:
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        all_waiting = self._waiting.setdefault(device_id, set())
        all_waiting.add(waiting)
        try:
            await waiting
        finally:
            all_waiting.discard(waiting)
            if not all_waiting:
                self._waiting.pop(device_id, None)

    def add_pending(self, peer: Peer) -> None:
        """Add a connection that has not said hello yet."""
        self._pending[peer] = None

    def add(self, peer: Peer) -> Peer | None:
        """Add a connection that has said hello; return the older connection of its device, which it replaces."""
        self._pending.pop(peer, None)
        self.lost.pop(peer.device_id, None)
        for waiting in self._waiting.get(peer.device_id, ()):
            if not waiting.done():
                waiting.set_result(None)
        return self._pool.add(peer.session_id, peer, peer.device_id)

    def remove(self, peer: Peer) -> None:
        """Remove a connection; entries that another connection has taken over stay."""
        self._pending.pop(peer, None)
        self._pool.remove(peer.session_id, peer)

    def note_loss(self, peer: Peer) -> None:
        """Remember that a board is away without having said goodbye; programs and pages come and go."""
        if peer.hello is None or not peer.hello.board or self.device(peer.device_id) is not None:
            return
        self.lost[peer.device_id] = time.time()
        self.lost.move_to_end(peer.device_id)
        while len(self.lost) > _MOST_LOST:
            self.lost.popitem(last=False)
