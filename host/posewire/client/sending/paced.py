"""The common part of all senders: a bounded queue, a task that lets it out, and counts."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from time import monotonic
from typing import Any

from posewire.client.link.host_link import HostLink
from posewire.client.link.send_queue import Priority, Queued
from posewire.client.transports.base import Delivery
from posewire.errors import ConfigError, QueueFullError
from posewire.measure.process_stats import ProcessLoad
from posewire.measure.summary import percentiles

_WINDOW = 2.0
_LATENCIES = 512
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
"""Seconds before something is tried again, twice as long each time."""


class PacedSender(ABC):
    """The common part of all senders: a bounded queue, a task that lets it out, and counts.

    ``retries``: how often something is tried again that could not leave (the connection was lost, its queue was full),
    after 50 ms, 100 ms, 200 ms …, 5 s at most. ``deadline_ms``: what is older is not sent.
    """

    def __init__(self, host: HostLink, capacity: int, *, retries: int = 0, deadline_ms: float | None = None) -> None:
        if retries < 0 or (deadline_ms is not None and deadline_ms <= 0):
            raise ConfigError("retries must be 0 or more, deadline_ms more than 0")
        self.dropped: Counter[str] = Counter()
        """The messages that were not sent, by cause: ``replaced`` (by a newer one), ``full``, ``deadline``, ``away``
        (the host), ``paused``, ``sampled`` (``every``), ``cleared``, ``lost`` (with the connection), ``closed``."""

        self.capacity = capacity
        self._host = host
        self._retries = retries
        self._deadline_ms = deadline_ms
        self._waiting: deque[Any] = deque()
        self._filled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._paused = False
        self._closed = False
        self._accepted = 0
        self._sent = 0
        self._bytes = 0
        self._departures: deque[float] = deque(maxlen=1024)
        self._latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._due = 0.0
        self._jitters: deque[float] = deque(maxlen=_LATENCIES)
        self._retried = 0
        self._load = ProcessLoad()

    def pause(self) -> None:
        """Send nothing until ``resume``; what is given meanwhile is dropped."""
        self._paused = True
        self.clear()

    def resume(self) -> None:
        """Let frames out again after a pause."""
        self._paused = False

    def clear(self) -> None:
        """Drop the frames that wait."""
        self.dropped["cleared"] += len(self._waiting)
        self._waiting.clear()

    def stop(self) -> None:
        """End the sender."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def stopped(self) -> bool:
        """Whether it was ended."""
        return self._closed

    def queue_status(self) -> dict[str, Any]:
        """Return ``waiting``, ``capacity`` and ``oldest_ms``, the age of what waits longest (None: nothing waits)."""
        oldest = self._waiting[0].at if self._waiting else None
        return {
            "waiting": len(self._waiting),
            "capacity": self.capacity,
            "oldest_ms": None if oldest is None else 1000 * (monotonic() - oldest),
        }

    def statistics(self) -> dict[str, Any]:
        """Return counts since the start, the rate of the last two seconds, times from ``send`` to the network in ms.

        ``jitter_ms``: how much later they left than at even distances. ``success_rate``: sent ones of those accepted.
        ``retried``: how often something was tried again. ``cpu``, ``memory_mb``: of the process (``ProcessLoad``).
        """
        now = monotonic()
        return {
            "accepted": self._accepted,
            "sent": self._sent,
            "bytes": self._bytes,
            "fps": sum(at > now - _WINDOW for at in self._departures) / _WINDOW,
            "latency_ms": percentiles(self._latencies),
            "jitter_ms": percentiles(self._jitters),
            "retried": self._retried,
            "success_rate": self._sent / self._accepted if self._accepted else 1.0,
            "dropped": dict(self.dropped),
            **self.queue_status(),
            **self._load.measure(),
        }

    @property
    def sent(self) -> int:
        """The number of frames that have left."""
        return self._sent

    def latencies(self, count: int) -> list[float]:
        """Return the times from ``send`` to the network of the last ``count`` (512 at most), in ms."""
        return list(self._latencies)[-count:] if count > 0 else []

    def _accepts(self) -> bool:
        """Count something that the program wants to send; whether it may wait."""
        cause = "closed" if self._closed else "paused" if self._paused else "" if self._host.in_room else "away"
        if cause:
            self.dropped[cause] += 1
        return not cause

    def _add(self, item: Any) -> None:
        self._accepted += 1
        while len(self._waiting) >= self.capacity:
            self._waiting.popleft()
            self.dropped["replaced" if self.capacity == 1 else "full"] += 1
        self._waiting.append(item)
        self._filled.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _next(self, ready: Callable[[], float]) -> Any:
        """Wait until something waits and may leave, and take it: the newest state of the queue at that moment."""
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            pause = ready()
            self._due = monotonic() + pause
            if pause > 0:
                await asyncio.sleep(pause)
            if self._waiting:
                return self._waiting.popleft()

    def _is_too_old(self, at: float) -> bool:
        """Whether something that was given then is not worth sending any more; counts it."""
        if self._deadline_ms is None or 1000 * (monotonic() - at) <= self._deadline_ms:
            return False
        self.dropped["deadline"] += 1
        return True

    def _delivery(self, data: bytes | str) -> Delivery:
        """Return what a message of this sender is worth late."""
        return Delivery.RELIABLE

    async def _depart(self, priority: Priority, at: float, make: Callable[[], bytes | None]) -> int | None:
        """Put something into the connection's queue and wait until it has left; returns its size, None: dropped."""
        pause, cause = _FIRST_PAUSE, ""
        for attempt in range(self._retries + 1):
            if attempt:
                await asyncio.sleep(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)
                if self._is_too_old(at):
                    return None
                if not self._host.in_room:
                    continue
                self._retried += 1
            size, cause = await self._try(priority, make)
            if size is not None:
                self._left(size, at)
                return size
        self.dropped[cause] += 1
        return None

    async def _try(self, priority: Priority, make: Callable[[], bytes | None]) -> tuple[int | None, str]:
        """Put something into the connection's queue; returns its size, or why it has not left."""
        left: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        def sent(size: int | None) -> None:
            if not left.done():
                left.set_result(size)

        try:
            self._host.queue.put(Queued(priority, make, sent=sent, delivery=self._delivery))
        except QueueFullError:
            return None, "full"
        return await left, "lost"

    def _left(self, size: int, at: float) -> None:
        now = monotonic()
        self._sent += 1
        self._bytes += size
        self._departures.append(now)
        self._latencies.append(1000 * (now - at))
        self._jitters.append(1000 * (now - self._due))

    @abstractmethod
    async def _run(self) -> None:
        """Let out what waits, at its pace, until cancelled."""
