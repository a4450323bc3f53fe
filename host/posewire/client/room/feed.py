"""Bounded feeds from the reader of a connection to the loops of a program."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar
from weakref import WeakSet

_T = TypeVar("_T")

_EARLY = 256


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


class Feeds(Generic[_T]):
    """A feed for each loop over one kind of what comes. The first loop gets what came before it, the newest 256."""

    def __init__(self) -> None:
        # Weak: a loop that has ended takes its feed with it.
        self._feeds: WeakSet[Feed[_T]] = WeakSet()
        self._early: Feed[_T] | None = Feed(_EARLY)
        self._feeds.add(self._early)
        self._ended = False

    def open(self, capacity: int) -> Feed[_T]:
        """Return the feed of another loop, which holds so many."""
        feed, self._early = self._early or Feed(capacity), None
        feed.capacity = capacity
        self._feeds.add(feed)
        if self._ended:
            feed.end()
        return feed

    def put(self, value: _T) -> None:
        """Give something to all loops."""
        for feed in self._feeds:
            feed.put(value)

    def end(self) -> None:
        """Let all loops end when they have taken what is here."""
        self._ended = True
        for feed in self._feeds:
            feed.end()

    @property
    def waiting(self) -> int:
        """How much waits for the loop that is furthest behind."""
        return max((len(feed) for feed in self._feeds if feed.read), default=0)
