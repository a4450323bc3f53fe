"""An event loop in a thread of its own, for programs without asyncio."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, TypeVar

from posewire.errors import NotConnectedError

_T = TypeVar("_T")


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # What is begun before the end is ended by it, what comes later is refused: nobody waits for ever.
        self._gate = threading.Lock()
        self._ending = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="posewire connection", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine there and return its result.

        Raises:
            NotConnectedError: the thread has ended.
            RuntimeError: this is that thread: a handler of an event cannot wait there.
        """
        if self._is_this:
            work.close()
            raise RuntimeError(
                "handlers run in the connection's thread, where nothing can wait for the host: use what returns at "
                "once (post, a sender's send, latest, status), or leave the rest to another thread"
            )
        with self._gate:
            if self._ending:
                work.close()
                raise NotConnectedError("the connection is closed")
            running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        except CancelledError:
            raise NotConnectedError("the connection is closed") from None
        except BaseException:
            running.cancel()
            raise

    def call(self, function: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
        """Call a function there and return its result; at once where this is that thread."""
        if self._is_this:
            return function(*arguments, **options)

        async def calling() -> _T:
            return function(*arguments, **options)

        return self.wait(calling())

    def iterate(self, open_feed: Callable[[], AsyncIterator[_T]], timeout_s: float | None) -> Iterator[_T]:
        """Iterate over a feed, until it ends or nothing has come for ``timeout_s`` seconds."""
        try:
            return self._through(self.call(open_feed), timeout_s)
        except NotConnectedError:
            return iter(())

    def _through(self, feed: AsyncIterator[_T], timeout_s: float | None) -> Iterator[_T]:

        async def next_one() -> tuple[_T] | None:
            try:
                async with asyncio.timeout(timeout_s):
                    return (await anext(feed),)
            except (StopAsyncIteration, TimeoutError):
                return None

        with suppress(NotConnectedError):  # another thread has closed the connection
            while (found := self.wait(next_one())) is not None:
                yield found[0]

    @property
    def _is_this(self) -> bool:
        return threading.current_thread() is self._thread

    def stop(self) -> None:
        """End the thread; whoever waits for something in it gets ``NotConnectedError``. Does nothing in it itself."""
        if self._is_this:
            return
        with self._gate:
            first, self._ending = not self._ending, True
        if first:
            asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        if first:
            self._loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
