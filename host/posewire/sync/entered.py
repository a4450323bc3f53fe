"""Something asynchronous that a program without asyncio enters: its loop runs in a thread of its own."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

from posewire.errors import NotConnectedError
from posewire.sync.thread import LoopThread


class Asynchronous(Protocol):
    """What is entered: an async context manager."""

    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Any: ...


_T = TypeVar("_T", bound=Asynchronous)


class Entered(Generic[_T]):
    """A context manager around an asynchronous one. ``make`` is called in the thread, each time that it is entered."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make = make
        self._now: tuple[LoopThread, _T] | None = None

    def __enter__(self) -> Self:
        thread = LoopThread()
        try:
            made = thread.call(self._make)
            thread.wait(made.__aenter__())
        except BaseException:
            thread.stop()
            raise
        self._now = thread, made
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave it, and end the thread; does nothing when that was done."""
        if self._now is None:
            return
        thread, made = self._now
        try:
            thread.wait(made.__aexit__(None, None, None))
        except NotConnectedError:
            pass  # the thread has ended already
        finally:
            thread.stop()

    @property
    def _thread(self) -> LoopThread:
        return self._entered[0]

    @property
    def _made(self) -> _T:
        return self._entered[1]

    @property
    def _entered(self) -> tuple[LoopThread, _T]:
        if self._now is None:
            raise NotConnectedError("not entered yet: use a with statement")
        return self._now
