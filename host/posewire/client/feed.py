"""A bounded feed from the reader of a connection to a loop of the program."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Feed(Generic[_T]):
    """Holds what comes between two turns of an ``async for``: at most ``capacity``, then the oldest is dropped."""

    def __init__(self, capacity: int) -> None:
        self.dropped = 0
        self.read = False
        """Whether a loop has begun to take from it."""

        self._waiting: deque[_T] = deque()
        self.capacity = capacity
        self._changed = asyncio.Event()
        self._ended = False

    def __len__(self) -> int:
        """Return how much waits."""
        return len(self._waiting)

    def put(self, value: _T) -> None:
        """Add something; returns at once."""
        if len(self._waiting) >= self.capacity:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(value)
        self._changed.set()

    def end(self) -> None:
        """Let the loop end when it has taken what is here."""
        self._ended = True
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[_T]:
        return self

    async def __anext__(self) -> _T:
        self.read = True
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()
