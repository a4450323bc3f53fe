"""Several connections to one host, for programs without asyncio that have many rooms."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from posewire.client.endpoints import Endpoint
from posewire.client.pool import ConnectionPool
from posewire.sync.entered import Entered
from posewire.sync.room import SyncRoom


class SyncPool(Entered[ConnectionPool]):
    """A pool of connections, as a context manager; see ``ConnectionPool``. Any number of threads may use it."""

    def __init__(self, urls: str | Sequence[str | Endpoint], **options: Any) -> None:
        super().__init__(lambda: ConnectionPool(urls, **options))

    @contextmanager
    def room(self, name: str, **options: Any) -> Iterator[SyncRoom]:
        """Be in a room for as long as the block runs; the options and errors are those of ``ConnectionPool.room``."""
        thread, pool = self._entered
        inside = pool.room(name, **options)
        room = thread.wait(inside.__aenter__())
        try:
            yield SyncRoom(thread, room)
        finally:
            thread.wait(inside.__aexit__(None, None, None))

    def statistics(self) -> dict[str, Any]:
        """Return how many connections are open, in use and idle; see ``ConnectionPool.statistics``."""
        thread, pool = self._entered
        return thread.call(pool.statistics)
