"""The three parts as one: what most applications need."""

import asyncio
from collections.abc import Iterable
from typing import Any, Generic

from posewire.hub.dispatcher import Content, Delivery, MessageDispatcher
from posewire.hub.monitor import ConnectionMonitor, Limits
from posewire.hub.pool import C, ConnectionPool, Group
from posewire.wire.close_codes import REPLACED


class ConnectionHub(Generic[C]):
    """A pool of connections, the dispatcher that sends to them and the monitor that watches them."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.pool: ConnectionPool[C] = ConnectionPool()
        self.dispatcher = MessageDispatcher(self.pool)
        self.monitor = ConnectionMonitor(self.pool, limits)
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the monitor; an event loop must run."""
        self._watch = asyncio.create_task(self.monitor.run())

    def stop(self) -> None:
        """Stop the monitor; connections stay."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def add(self, connection_id: str, connection: C, device: str = "", groups: Iterable[Group] = ()) -> None:
        """Add a connection; an older one of the same device is closed with code 4000."""
        older = self.pool.add(connection_id, connection, device)
        if older is not None:
            older.close(REPLACED, "replaced by a newer connection of this device")
        for group in groups:
            self.pool.join(connection_id, group)

    def remove(self, connection_id: str, connection: C | None = None) -> None:
        """Forget a connection; with ``connection`` only if the id still belongs to it."""
        self.pool.remove(connection_id, connection)

    def join(self, connection_id: str, kind: str, name: str) -> None:
        """Put a connection into a group."""
        self.pool.join(connection_id, Group(kind, name))

    def leave(self, connection_id: str, kind: str, name: str) -> None:
        """Take a connection out of a group."""
        self.pool.leave(connection_id, Group(kind, name))

    def send(self, connection_id: str, content: Content) -> bool:
        """Send to one connection; False when it is not there or fails."""
        return self.dispatcher.to(connection_id, content)

    def send_group(
        self, kind: str, name: str, content: Content, *, but: Iterable[str] = (), droppable: bool = False
    ) -> Delivery:
        """Send to a group, except to the ids in ``but``. ``droppable``: congested connections miss this message."""
        return self.dispatcher.to_group(Group(kind, name), content, but=but, droppable=droppable)

    def send_all(self, content: Content, *, but: Iterable[str] = (), droppable: bool = False) -> Delivery:
        """Send to everybody, with the same options."""
        return self.dispatcher.to_all(content, but=but, droppable=droppable)

    def statistics(self) -> dict[str, Any]:
        """Return the monitor's counts and the dispatcher's totals."""
        return {**self.monitor.statistics(), **self.dispatcher.counters}
