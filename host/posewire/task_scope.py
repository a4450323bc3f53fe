"""The tasks of one owner: started here, cancelled here, and their failures reported here."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class TaskScope:
    """Holds tasks while they run (asyncio itself keeps only weak references to them) and ends them with their owner.

    ``failed`` is called with the exception of a task that raised one; by default it is logged. A cancelled task did not
    fail.
    """

    __slots__ = ("_failed", "_tasks")

    def __init__(self, failed: Callable[[BaseException], None] | None = None) -> None:
        self._failed = failed
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        """Return how many tasks run."""
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, _T], name: str | None = None) -> asyncio.Task[_T]:
        """Run a coroutine as a task."""
        return self.add(asyncio.create_task(work, name=name))

    def add(self, task: asyncio.Task[_T]) -> asyncio.Task[_T]:
        """Take over a task that somebody else has started."""
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def cancel(self) -> None:
        """Cancel all tasks, without waiting for them."""
        for task in list(self._tasks):
            task.cancel()

    async def close(self) -> None:
        """Cancel all tasks and wait until none runs."""
        self.cancel()
        await self.join()

    async def join(self) -> None:
        """Wait until none runs, also of those that are started meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def wait_any(self) -> None:
        """Wait until one of the tasks has ended; returns at once when none runs."""
        if self._tasks:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if self._failed is not None:
            self._failed(error)
        else:
            _log.error("a task failed: %s", task.get_name(), exc_info=error)
