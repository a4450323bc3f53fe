"""The common part of all senders: a bounded queue, a task that lets it out, and counts."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable
from time import monotonic
from typing import Any

from posewire.client.link.host_link import HostLink
from posewire.client.link.send_queue import Priority, Queued
from posewire.errors import QueueFullError
from posewire.measure.process_stats import ProcessLoad
from posewire.measure.summary import percentiles

_WINDOW = 2.0
_LATENCIES = 512


class PacedSender(ABC):
    """The common part of all senders: a bounded queue, a task that lets it out, and counts."""

    def __init__(self, host: HostLink, capacity: int) -> None:
        self.dropped: Counter[str] = Counter()
        """The messages that were not sent, by cause: ``replaced`` (by a newer one), ``full``, ``deadline``, ``away``
        (the host), ``paused``, ``sampled`` (``every``), ``cleared``, ``lost`` (with the connection), ``closed``."""

        self.capacity = capacity
        self._host = host
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
        self._load = ProcessLoad()

    def pause(self) -> None:
        """Send nothing until ``resume``; what is given meanwhile is dropped."""
        self._paused = True
        self.clear()

    def resume(self) -> None:
        """Send again."""
        self._paused = False

    def clear(self) -> None:
        """Drop what waits."""
        self.dropped["cleared"] += len(self._waiting)
        self._waiting.clear()

    def stop(self) -> None:
        """End the sender."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            self._task = None

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

        ``success_rate``: sent ones of those accepted. ``cpu``, ``memory_mb``: of the whole process (``ProcessLoad``).
        """
        now = monotonic()
        return {
            "accepted": self._accepted,
            "sent": self._sent,
            "bytes": self._bytes,
            "fps": sum(at > now - _WINDOW for at in self._departures) / _WINDOW,
            "latency_ms": percentiles(self._latencies),
            "success_rate": self._sent / self._accepted if self._accepted else 1.0,
            "dropped": dict(self.dropped),
            **self.queue_status(),
            **self._load.measure(),
        }

    @property
    def sent(self) -> int:
        """How many have left."""
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
            if pause > 0:
                await asyncio.sleep(pause)
            if self._waiting:
                return self._waiting.popleft()

    async def _depart(self, priority: Priority, at: float, make: Callable[[], bytes | None]) -> int | None:
        """Put something into the connection's queue and wait until it has left; returns its size, None: dropped."""
        left: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        def sent(size: int | None) -> None:
            if not left.done():
                left.set_result(size)

        try:
            self._host.queue.put(Queued(priority, make, sent=sent))
        except QueueFullError:
            self.dropped["full"] += 1
            return None
        size = await left
        if size is None:
            self.dropped["lost"] += 1
            return None
        now = monotonic()
        self._sent += 1
        self._bytes += size
        self._departures.append(now)
        self._latencies.append(1000 * (now - at))
        return size

    @abstractmethod
    async def _run(self) -> None:
        """Let out what waits, at its pace, until cancelled."""
