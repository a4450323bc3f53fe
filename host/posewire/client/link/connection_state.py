"""The states of a connection to a host, and which may follow which."""

import asyncio
from collections.abc import Callable, Mapping
from enum import Enum


class ConnectionState(Enum):
    """The state of a connection.

    ``NEW``: not opened yet. ``CONNECTING``: the first attempt. ``CONNECTED``: hello was answered, rooms are joined.
    ``RECONNECTING``: it was lost, and is being opened again. ``CLOSED``: over, on purpose or because the attempts were
    given up; it does not open again.
    """

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


_NEXT: Mapping[ConnectionState, frozenset[ConnectionState]] = {
    ConnectionState.NEW: frozenset({ConnectionState.CONNECTING, ConnectionState.CLOSED}),
    ConnectionState.CONNECTING: frozenset({ConnectionState.CONNECTED, ConnectionState.CLOSED}),
    ConnectionState.CONNECTED: frozenset({ConnectionState.RECONNECTING, ConnectionState.CLOSED}),
    ConnectionState.RECONNECTING: frozenset({ConnectionState.CONNECTED, ConnectionState.CLOSED}),
    ConnectionState.CLOSED: frozenset(),
}


class StateMachine:
    """Holds the state; ``changed`` is called with the old and the new one after each change."""

    def __init__(self, changed: Callable[[ConnectionState, ConnectionState], None]) -> None:
        self.state = ConnectionState.NEW
        self._changed = changed
        self._new = asyncio.Event()

    async def next(self) -> None:
        """Wait for the next change."""
        await self._new.wait()

    def change(self, state: ConnectionState) -> None:
        """Go into another state; does nothing when it is that already.

        Raises:
            ValueError: the state does not follow the present one. That is a defect of the caller.
        """
        before = self.state
        if state is before:
            return
        if state not in _NEXT[before]:
            raise ValueError(f"a connection cannot go from {before.value} to {state.value}")
        self.state = state
        self._new.set()
        self._new = asyncio.Event()
        self._changed(before, state)
