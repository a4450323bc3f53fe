"""Whether the host is there: the state of a connection, who waits for it, and why it is over."""

import asyncio
import logging
from collections.abc import Callable

from posewire.client.link.connection_state import ConnectionState, StateMachine
from posewire.client.link.outgoing import Outgoing
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.listeners import Listeners
from posewire.errors import NotConnectedError, UnauthorizedError

_log = logging.getLogger(__name__)


class Presence:
    """Follows the life of a connection (``life.Events``), and tells ``listeners`` of it.

    ``url`` returns the address for the log; ``over`` is called with the reason when the connection is over.
    """

    def __init__(
        self,
        statistics: ConnectionStatistics,
        out: Outgoing,
        listeners: Listeners,
        url: Callable[[], str | None],
        over: Callable[[str], None],
    ) -> None:
        self.close_reason = ""
        self._states = StateMachine(self._changed)
        self._statistics = statistics
        self._out = out
        self._listeners = listeners
        self._url = url
        self._over = over

    @property
    def state(self) -> ConnectionState:
        """The state of the connection."""
        return self._states.state

    @property
    def connected(self) -> bool:
        """Whether the host is there at this moment."""
        return self._states.state is ConnectionState.CONNECTED

    def require_open(self) -> None:
        """Make sure that the connection was opened, and is not over.

        Raises:
            NotConnectedError: it is not so.
        """
        if self.state in (ConnectionState.NEW, ConnectionState.CLOSED):
            raise NotConnectedError(self.close_reason or "the connection is not open")

    async def wait_connected(self, timeout_s: float | None = None) -> None:
        """Wait until the host is there.

        Raises:
            NotConnectedError: the connection is closed, or the host has not come back within ``timeout_s`` seconds.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not self.connected:
                    self.require_open()
                    await self._states.next()
        except TimeoutError:
            raise NotConnectedError(f"the host has been away for {timeout_s:g} s") from None

    async def wait_closed(self) -> str:
        """Wait until the connection is over; returns the reason."""
        while not self.is_closed():
            await self._states.next()
        return self.close_reason

    # --- the life of the connection

    def begins(self) -> None:
        """Note that the first attempt begins.

        Raises:
            NotConnectedError: there was one before: a connection is opened once.
        """
        if self.state is not ConnectionState.NEW:
            raise NotConnectedError("this connection was opened before: make another one")
        self._states.change(ConnectionState.CONNECTING)

    def greeted(self, resumed: bool) -> None:
        """Note that a session has begun: what waits for the host is sent."""
        self._states.change(ConnectionState.CONNECTED)
        self._statistics.resent += self._out.resend()
        self._listeners.emit("connected", resumed)

    def lost(self, reason: str) -> None:
        """Note that the connection was lost, and is being opened again."""
        self._statistics.lost()
        self._states.change(ConnectionState.RECONNECTING)
        self._listeners.emit("disconnected", reason)

    def refused(self, error: UnauthorizedError) -> None:
        """Note that the host no longer lets this program in."""
        self._statistics.refused += 1
        self._listeners.emit("error", error)

    def ended(self, reason: str) -> None:
        """Note that the connection is over."""
        if self.is_closed():
            return
        self.close_reason = reason
        lost = self._out.outbox.close()
        self._out.queue.empty()
        self._states.change(ConnectionState.CLOSED)
        self._over(reason)
        if lost is not None:
            self._listeners.emit("error", lost)
        self._listeners.emit("closed", reason)

    def before_attempt(self) -> None:
        """Drop what was kept for too long."""
        self._out.outbox.drop_expired()

    def is_closed(self) -> bool:
        """Tell whether the connection is over."""
        return self.state is ConnectionState.CLOSED

    def _changed(self, old: ConnectionState, new: ConnectionState) -> None:
        _log.info("%s: %s", self._url() or "no host yet", new.value)
        self._listeners.emit("changed", old, new)
