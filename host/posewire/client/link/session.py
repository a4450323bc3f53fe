"""One opened way to the host: a reader and a writer, until one of them ends."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from posewire.client.link.congestion import Congestion
from posewire.client.link.send_queue import Priority, SendQueue
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.transports.base import Transport
from posewire.task_scope import TaskScope

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


class Session:
    """Reads everything that comes, in one task, and writes what the queue holds, in another.

    ``receive`` is called with each message; it must not raise.
    """

    def __init__(
        self,
        transport: Transport,
        queue: SendQueue,
        statistics: ConnectionStatistics,
        receive: Callable[[str | bytes], None],
    ) -> None:
        self.transport = transport
        self._queue = queue
        self._statistics = statistics
        self._receive = receive
        # What a broken network makes a task raise is the end of the session, not a fault to report.
        self._tasks = TaskScope(lambda error: None)
        self.congestion = Congestion(transport.probe, queue.hold_poses)
        self._reader = self._tasks.spawn(self._read(), "reader")
        self._writer = self._tasks.spawn(self._write(), "writer")

    async def wait_ended(self) -> None:
        """Wait until the host has closed, or the network has failed."""
        await asyncio.wait([self._reader])

    async def first(self, answer: asyncio.Future[_T]) -> _T:
        """Wait for an answer.

        Raises:
            ConnectionError: the session is over before.
        """
        either: list[asyncio.Future[Any]] = [answer, self._reader, self._writer]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ConnectionError(self._reason)
        return answer.result()

    async def run_until_lost(self, *watchers: Coroutine[Any, Any, str]) -> str:
        """Wait until the session is over, or a watcher returns; returns the reason. Closes the session."""
        watching = [self._tasks.spawn(watcher) for watcher in watchers]
        try:
            await self._tasks.wait_any()
            for task in watching:
                if task.done() and not task.cancelled() and task.exception() is None:
                    return task.result()
            return self._reason
        finally:
            await self.close()

    @property
    def _reason(self) -> str:
        return self.transport.close_reason or "the connection was lost"

    async def close(self) -> None:
        """Stop sending and receiving, without a word to the host."""
        self.transport.abort()
        await self.congestion.close()
        await self._tasks.close()

    async def _read(self) -> None:
        async for message in self.transport.messages():
            self._statistics.received(len(message))
            self._receive(message)

    async def _write(self) -> None:
        while True:
            item = await self._queue.get()
            try:
                data = item.make()
            except Exception:
                # A pose that cannot be encoded is the fault of its sender alone.
                _log.exception("something could not be sent")
                data = None
            if data is None:
                if item.sent is not None:
                    item.sent(None)
                continue
            await self.transport.send(data, item.delivery(data))
            size = len(data)
            self._statistics.sent(size)
            if item.priority is Priority.POSE and size:
                self.congestion.sent(size)
            if item.sent is not None:
                item.sent(size)
            # A socket that takes everything at once would otherwise never let the reader run.
            await asyncio.sleep(0)
