"""A connection to a host, for programs without asyncio."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from posewire.client.connection import HostConnection
from posewire.client.endpoints import Endpoint
from posewire.client.link.connection_state import ConnectionState
from posewire.sync.entered import Entered
from posewire.sync.monitor import SyncMonitor
from posewire.sync.room import SyncRoom


class SyncConnection(Entered[HostConnection]):
    """A connection to a host, as a context manager; see ``HostConnection``."""

    def __init__(self, urls: str | Sequence[str | Endpoint], **options: Any) -> None:
        super().__init__(lambda: HostConnection(urls, **options))

    @property
    def connected(self) -> bool:
        """Whether the host is there at this moment."""
        return self._now is not None and self._made.connected

    @property
    def state(self) -> ConnectionState:
        """The state of the connection."""
        return ConnectionState.NEW if self._now is None else self._made.state

    @property
    def device(self) -> str:
        """This program's device id."""
        return self._made.device

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self._made.session_id

    @property
    def close_reason(self) -> str:
        """Why the connection is over; empty while it is not."""
        return self._made.close_reason

    @property
    def lossy(self) -> bool:
        """Whether poses go by a data channel, on which they may be lost, at this moment."""
        return self._now is not None and self._made.lossy

    def rollback(self) -> None:
        """Go back to the transport that poses went by before, and stay there until this is called again."""
        self._thread.call(self._made.rollback)

    def host_time_ms(self) -> float | None:
        """Return the host's clock, in milliseconds since 1970; None before it is known."""
        return self._thread.call(self._made.host_time_ms)

    def monitor(self, **options: Any) -> SyncMonitor:
        """Return a monitor of this connection, to be entered with ``with``; the options are those of ``Monitor``."""
        return SyncMonitor(self._thread, self._made, **options)

    def on(self, event: str, handler: Callable[..., Any]) -> Callable[[], None]:
        """Call a function, in the connection's thread, at each event of this name; returns what stops that."""
        return self._thread.call(self._made.on, event, handler)

    def join(self, room: str, **options: Any) -> SyncRoom:
        """Join a room; the options and errors are those of ``HostConnection.join``."""
        return SyncRoom(self._thread, self._thread.wait(self._made.join(room, **options)))

    def list_rooms(self) -> list[dict[str, Any]]:
        """Return the rooms that this program may join."""
        return self._thread.wait(self._made.list_rooms())

    def room_info(self, room: str) -> dict[str, Any]:
        """Return what ``list_rooms`` says of one room; raises ``WireError`` where there is none."""
        return self._thread.wait(self._made.room_info(room))

    def wait_connected(self, timeout_s: float | None = None) -> None:
        """Wait until the host is there; raises ``NotConnectedError``."""
        self._thread.wait(self._made.wait_connected(timeout_s))

    def wait_closed(self) -> str:
        """Wait until the connection is over; returns the reason."""
        if self.state is ConnectionState.CLOSED:
            return self.close_reason
        return self._thread.wait(self._made.wait_closed())

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a text message (``docs/wire.md`` section 2); see ``HostConnection.send``."""
        self._thread.call(self._made.send, message)

    def status(self) -> dict[str, Any]:
        """Return the state of the connection."""
        return self._thread.call(self._made.status)

    def statistics(self) -> dict[str, Any]:
        """Return what was counted."""
        return self._thread.call(self._made.statistics)
