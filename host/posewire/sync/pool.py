"""Several connections to one host, for programs without asyncio that have many rooms."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from posewire.client.endpoints import Endpoint
from posewire.client.pool import ConnectionPool
from posewire.errors import NotConnectedError
from posewire.sync.room import SyncRoom
from posewire.sync.thread import LoopThread


class SyncPool:
    """A pool of connections, as a context manager; see ``ConnectionPool``. Any number of threads may use it."""

    def __init__(self, urls: str | Sequence[str | Endpoint], **options: Any) -> None:
        self._urls = urls
        self._options = options
        self._thread: LoopThread | None = None
        self._pool: ConnectionPool | None = None

    def __enter__(self) -> "SyncPool":
        self._thread = LoopThread()
        try:
            self._pool = self._thread.call(ConnectionPool, self._urls, **self._options)
            self._thread.wait(self._pool.__aenter__())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        thread, pool = self._open
        thread.wait(pool.__aexit__(kind, error, trace))
        thread.stop()

    @contextmanager
    def room(self, name: str, **options: Any) -> Iterator[SyncRoom]:
        """Be in a room for as long as the block runs; the options and errors are those of ``ConnectionPool.room``."""
        thread, pool = self._open
        inside = pool.room(name, **options)
        room = thread.wait(inside.__aenter__())
        try:
            yield SyncRoom(thread, room)
        finally:
            thread.wait(inside.__aexit__(None, None, None))

    def statistics(self) -> dict[str, Any]:
        """Return how many connections are open, in use and idle; see ``ConnectionPool.statistics``."""
        thread, pool = self._open
        return thread.call(pool.statistics)

    @property
    def _open(self) -> tuple[LoopThread, ConnectionPool]:
        if self._thread is None or self._pool is None:
            raise NotConnectedError("enter the pool with a with statement")
        return self._thread, self._pool
