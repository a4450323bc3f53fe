"""Announcements for devices: each device has a short queue, and every wait is bounded."""

import asyncio
import math
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from posewire.errors import WireError
from posewire.log import EventLog
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.connection.voice.device_voice import VoiceTurns
from posewire.voice.session import VoiceState

QUEUED = 8
"""Announcements that wait for one device."""

MAX_DEVICES = 2000
"""Devices that announcements wait for at the same time."""

MAX_TEXT = 1000
MAX_KEEP = 24 * 3600.0

_PATIENCE = 20.0
"""Seconds after which an open microphone that nobody speaks into no longer delays an announcement."""

Outcome = Literal["spoken", "interrupted", "expired", "displaced", "stopped", "no voice"]


@dataclass(eq=False)
class Announcement:
    """A text that is to be said on a device.

    Raises:
        WireError: the text is empty or too long, or ``keep`` is out of range.
    """

    text: str
    urgent: bool = False
    """Whether it interrupts the device; otherwise it waits until the device is idle."""

    keep: float = 60.0
    """Seconds that it may wait for the device to become idle or to connect; after that it expires."""

    emotion: str = "neutral"
    source: str = ""
    """The name of the sender, for the log."""

    outcome: "asyncio.Future[Outcome]" = field(init=False)

    def __post_init__(self) -> None:
        self.text = " ".join(self.text.split())
        if not self.text or len(self.text) > MAX_TEXT:
            raise WireError(f"the text must have 1 to {MAX_TEXT} characters")
        if not 0 <= self.keep <= MAX_KEEP:  # this refuses NaN too
            raise WireError(f"keep must be between 0 and {MAX_KEEP:.0f} seconds")
        loop = asyncio.get_running_loop()
        self.outcome = loop.create_future()
        self.deadline = loop.time() + self.keep


class _Queue:
    """The announcements that wait for one device."""

    def __init__(self) -> None:
        self.items: list[Announcement] = []
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def next(self) -> Announcement | None:
        return next((item for item in self.items if item.urgent), self.items[0] if self.items else None)


class Announcer:
    """Says announcements on devices. There is one task for each device that has any waiting."""

    def __init__(self, registry: ConnectionRegistry, counters: Counter[str]) -> None:
        self._registry = registry
        self._counters = counters
        self._queues: dict[str, _Queue] = {}
        self._log = EventLog()

    def announce(self, device_id: str, announcement: Announcement) -> None:
        """Queue an announcement; ``announcement.outcome`` gets its outcome later.

        A full queue refuses an announcement, unless it is urgent: then it displaces the oldest that is not.

        Raises:
            WireError: ``too_many``: too many announcements wait for this device, or too many devices have some waiting.
        """
        queue = self._queues.get(device_id)
        if queue is None:
            if len(self._queues) >= MAX_DEVICES:
                raise WireError(f"announcements for {MAX_DEVICES} devices wait already", "too_many")
            queue = self._queues[device_id] = _Queue()
        if len(queue.items) >= QUEUED:
            oldest = next((item for item in queue.items if not item.urgent), None)
            if oldest is None or not announcement.urgent:
                self._counters["announcements_refused"] += 1
                raise WireError(f"{QUEUED} announcements wait for {device_id} already", "too_many")
            self._end(device_id, queue, oldest, "displaced")
        queue.items.append(announcement)
        queue.changed.set()
        if queue.task is None:
            queue.task = asyncio.create_task(self._work(device_id, queue))

    def withdraw(self, device_id: str, announcement: Announcement) -> None:
        """Withdraw an announcement; one that is being said is stopped."""
        queue = self._queues.get(device_id)
        if queue is not None and announcement in queue.items:
            self._end(device_id, queue, announcement, "stopped")
            queue.changed.set()

    def waiting(self) -> int:
        """Return how many announcements wait or are being said."""
        return sum(len(queue.items) for queue in self._queues.values())

    async def close(self) -> None:
        """Drop all announcements."""
        tasks = [queue.task for queue in self._queues.values() if queue.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for device_id, queue in self._queues.items():
            for item in list(queue.items):
                self._end(device_id, queue, item, "stopped")
        self._queues.clear()

    # --- inside

    async def _work(self, device_id: str, queue: _Queue) -> None:
        while (item := queue.next()) is not None:
            try:
                outcome = await self._deliver(device_id, queue, item)
            except Exception:
                # One announcement that cannot be said must not hold up the next.
                self._log.exception("announcement_failed", device=device_id)
                outcome = "interrupted"
            if outcome is not None and item in queue.items:
                self._end(device_id, queue, item, outcome)
        del self._queues[device_id]

    def _end(self, device_id: str, queue: _Queue, item: Announcement, outcome: Outcome) -> None:
        queue.items.remove(item)
        if not item.outcome.done():
            item.outcome.set_result(outcome)
        self._counters[f"announcements_{outcome.replace(' ', '_')}"] += 1
        self._log.info("announced", device=device_id, outcome=outcome, source=item.source, text=item.text[:80])

    async def _deliver(self, device_id: str, queue: _Queue, item: Announcement) -> Outcome | None:
        """Wait until the device is connected and idle, and say it. None: another announcement goes first now."""
        loop = asyncio.get_running_loop()
        listening: float | None = None
        while queue.next() is item:
            queue.changed.clear()
            left = item.deadline - loop.time()
            peer = self._registry.device(device_id)
            if peer is not None:
                voice = peer.voice.get_or_create()
                if voice is None:
                    return "no voice"
                if voice.state != VoiceState.LISTENING:
                    listening = None
                elif listening is None:
                    listening = loop.time()
                patience = math.inf if listening is None else listening + _PATIENCE - loop.time()
                if item.urgent or not voice.busy or patience <= 0:
                    outcome = await self._speak(voice, queue, item)
                    if outcome != "interrupted" or self._registry.device(device_id) is peer:
                        return outcome
                    # Not the user but the connection ended it: say it again when the device is back.
                    continue
                waiting: Coroutine[Any, Any, object] = voice.until_idle()
            else:
                patience = math.inf
                waiting = self._registry.wait_for_device(device_id)
            if left <= 0:
                waiting.close()
                return "expired"
            for behind in [other for other in queue.items if other.deadline <= loop.time()]:
                self._end(device_id, queue, behind, "expired")
            left = min(other.deadline for other in queue.items) - loop.time()
            await _first(min(left, patience), waiting, queue.changed.wait())
        return None

    async def _speak(self, voice: VoiceTurns, queue: _Queue, item: Announcement) -> Outcome:
        saying = voice.announce(item.text, item.emotion)
        if saying is None:
            return "no voice"
        while queue.next() is item and not saying.done():
            queue.changed.clear()
            changed = asyncio.create_task(queue.changed.wait())
            try:
                await asyncio.wait({saying, changed}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
        if not saying.done() and item not in queue.items:
            voice.abort()
        return "spoken" if saying.done() and not saying.cancelled() else "interrupted"


async def _first(within: float, *work: Coroutine[Any, Any, object]) -> None:
    """Wait for the first of these, or until the time is over; cancel the others."""
    tasks = [asyncio.create_task(part) for part in work]
    try:
        await asyncio.wait(tasks, timeout=None if within == math.inf else within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
