"""A connection to a host, for programs without asyncio."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from posewire.client.connection import HostConnection
from posewire.client.endpoints import Endpoint
from posewire.client.link.connection_state import ConnectionState
from posewire.errors import NotConnectedError
from posewire.sync.monitor import SyncMonitor
from posewire.sync.room import SyncRoom
from posewire.sync.thread import LoopThread


class SyncConnection:
    """A connection to a host, as a context manager; see ``HostConnection``."""

    def __init__(self, urls: str | Sequence[str | Endpoint], **options: Any) -> None:
        self._urls = urls
        self._options = options
        self._thread: LoopThread | None = None
        self._connection: HostConnection | None = None

    def __enter__(self) -> "SyncConnection":
        self._thread = LoopThread()
        try:
            self._connection = self._thread.call(HostConnection, self._urls, **self._options)
            self._thread.wait(self._connection.open())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye, and close."""
        if self._thread is not None and self._connection is not None:
            if self._connection.state is not ConnectionState.CLOSED:
                self._thread.wait(self._connection.close())
            self._thread.stop()

    @property
    def connected(self) -> bool:
        """Whether the host is there at this moment."""
        return self._connection is not None and self._connection.connected

    @property
    def state(self) -> ConnectionState:
        """The state of the connection."""
        return ConnectionState.NEW if self._connection is None else self._connection.state

    @property
    def lossy(self) -> bool:
        """Whether poses go by a data channel, on which they may be lost, at this moment."""
        return self._connection is not None and self._connection.lossy

    def rollback(self) -> None:
        """Go back to the transport that poses went by before, and stay there until this is called again."""
        self._running.call(self._open.rollback)

    def host_time_ms(self) -> float | None:
        """Return the host's clock, in milliseconds since 1970; None before it is known."""
        return self._running.call(self._open.host_time_ms)

    def monitor(self, **options: Any) -> SyncMonitor:
        """Return a monitor of this connection, to be entered with ``with``; the options are those of ``Monitor``."""
        return SyncMonitor(self._running, self._open, **options)

    def on(self, event: str, handler: Callable[..., Any]) -> Callable[[], None]:
        """Call a function, in the connection's thread, at each event of this name; returns what stops that."""
        return self._running.call(self._open.on, event, handler)

    def join(self, room: str, **options: Any) -> SyncRoom:
        """Join a room; the options and errors are those of ``HostConnection.join``."""
        return SyncRoom(self._running, self._running.wait(self._open.join(room, **options)))

    def list_rooms(self) -> list[dict[str, Any]]:
        """Return the rooms that this program may join."""
        return self._running.wait(self._open.list_rooms())

    def room_info(self, room: str) -> dict[str, Any]:
        """Return what ``list_rooms`` says of one room; raises ``WireError`` where there is none."""
        return self._running.wait(self._open.room_info(room))

    def wait_connected(self, timeout_s: float | None = None) -> None:
        """Wait until the host is there; raises ``NotConnectedError``."""
        self._running.wait(self._open.wait_connected(timeout_s))

    def status(self) -> dict[str, Any]:
        """Return the state of the connection."""
        return self._running.call(self._open.status)

    def statistics(self) -> dict[str, Any]:
        """Return what was counted."""
        return self._running.call(self._open.statistics)

    @property
    def _open(self) -> HostConnection:
        if self._connection is None:
            raise NotConnectedError("enter the connection with a with statement")
        return self._connection

    @property
    def _running(self) -> LoopThread:
        if self._thread is None:
            raise NotConnectedError("enter the connection with a with statement")
        return self._thread
