"""How much is on its way to the host: a probe after a pose tells when that has arrived."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

from posewire.task_scope import TaskScope

_PATIENCE = 0.1
"""Seconds beyond the fastest round trip after which no more poses are sent until the probe is answered."""

_CONGESTED, _FREE = 0.06, 0.03
"""Seconds that probes wait in queues, above which the way counts as congested, and below which as free again."""

_LATE = 0.2
"""Seconds of waiting that are no jitter: one such answer is enough."""

_LONGEST = 2.0
_INTERVAL = 0.1
"""Seconds from one probe to the next on a way that is free."""

_GROWTH = 1.3
_PLENTY = 100_000.0


class Congestion:
    """Keeps what waits in the network small, so that poses are new when they arrive.

    One probe at a time is under way. On a congested way poses go one by one: the next when the probe after the last is
    answered. ``probe``: sends one, done when it is answered; ``hold``: called with whether poses have to wait.
    """

    def __init__(self, probe: Callable[[], Awaitable[object]], hold: Callable[[bool], None]) -> None:
        self.congested = False
        self.bytes_s: float | None = None
        """The capacity of a congested way, in bytes a second; None: more than what is sent."""

        self._ask = probe
        self._hold = hold
        self._tasks = TaskScope(lambda error: None)
        self._unmeasured = 0
        self._probing = False
        self._next = 0.0
        self._least = float("inf")
        # One answer that is a little late is jitter; three in a row are a queue.
        self._waits: deque[float] = deque(maxlen=3)

    def sent(self, size: int) -> None:
        """Note that a pose of so many bytes was sent."""
        self._unmeasured += size
        if not self._probing and (self.congested or monotonic() >= self._next):
            self._probing = True
            self._tasks.spawn(self._measure(), "probe")
        if self.congested and self._probing:
            self._hold(True)

    async def close(self) -> None:
        """Stop measuring; poses need not wait."""
        await self._tasks.close()
        self._hold(False)

    async def _measure(self) -> None:
        size, self._unmeasured = self._unmeasured, 0
        began = monotonic()
        self._next = began + _INTERVAL
        late = asyncio.get_running_loop().call_later(min(self._least, _LONGEST) + _PATIENCE, self._hold, True)
        try:
            async with asyncio.timeout(_LONGEST):
                await self._ask()
        except TimeoutError:
            pass  # a host that answers no probes: poses go on, two seconds apart at worst
        finally:
            late.cancel()
        self._learn(size, monotonic() - began)
        self._probing = False
        self._hold(False)

    def _learn(self, size: int, round_trip: float) -> None:
        self._least = min(self._least, round_trip)
        self._waits.append(round_trip - self._least)
        if self.congested:
            self.congested = min(self._waits) > _FREE
        else:
            three = len(self._waits) == self._waits.maxlen
            self.congested = self._waits[-1] > _LATE or (three and min(self._waits) > _CONGESTED)
        if self.congested:
            found = size / max(self._waits[-1], 0.001)
            self.bytes_s = found if self.bytes_s is None else min(found, _GROWTH * self.bytes_s)
        elif self.bytes_s is not None:
            self.bytes_s = _GROWTH * self.bytes_s if self.bytes_s < _PLENTY else None
