"""Handlers of events, by the event's name."""

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from posewire.errors import PosewireError
from posewire.task_scope import TaskScope

Handler = Callable[..., Awaitable[None] | None]

_log = logging.getLogger(__name__)


class Listeners:
    """Calls the handlers of an event in the order in which they were added.

    A handler may be a coroutine function: it runs as a task of ``tasks``. A handler that fails harms nobody else: its
    exception goes to the handlers of ``error``; where there are none, ``failed`` takes it and the event's name (unless
    given, it goes to the log).
    """

    def __init__(self, tasks: TaskScope, failed: Callable[[BaseException, str], None] | None = None) -> None:
        self._tasks = tasks
        self._otherwise = failed or _to_log
        self._handlers: dict[str, list[Handler]] = {}

    def on(self, event: str, handler: Handler) -> Callable[[], None]:
        """Add a handler; returns a function that removes it."""
        handlers = self._handlers.setdefault(event, [])
        handlers.append(handler)

        def remove() -> None:
            if handler in handlers:
                handlers.remove(handler)

        return remove

    def emit(self, event: str, *values: Any) -> bool:
        """Call the handlers of an event; returns whether there are any."""
        handlers = self._handlers.get(event)
        if not handlers:
            return False
        for handler in list(handlers):
            try:
                work = handler(*values)
            except Exception as error:
                self.failed(error, event)
                continue
            if inspect.isawaitable(work):
                self._tasks.spawn(self._finish(work, event))
        return True

    def failed(self, error: BaseException, event: str) -> None:
        """Report an exception of a handler."""
        if event == "error" or not self.emit("error", error):
            self._otherwise(error, event)

    async def _finish(self, work: Awaitable[None], event: str) -> None:
        try:
            await work
        except Exception as error:
            self.failed(error, event)


def _to_log(error: BaseException, event: str) -> None:
    if isinstance(error, PosewireError):
        _log.error("%s: %s", event, error)
    else:
        _log.error("a handler of %r failed", event, exc_info=error)
