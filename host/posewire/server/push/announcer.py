"""Announcements on their way to devices: each device has a short queue, and waits are bounded."""

import asyncio
import math
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from posewire.errors import WireError
from posewire.log import EventLog
from posewire.server.connection.registry import ConnectionRegistry
from posewire.voice.session import VoiceSession, VoiceState

QUEUED = 8
"""Announcements that wait for one device."""

MAX_DEVICES = 2000
"""Devices that announcements wait for at the same time."""

MAX_TEXT = 1000
MAX_KEEP = 24 * 3600.0

_PATIENCE = 20.0
"""Seconds after which an open microphone that nobody speaks into does not hold up an announcement any longer."""

Outcome = Literal["spoken", "interrupted", "expired", "displaced", "stopped", "no voice"]


@dataclass(eq=False)
class Announcement:
    """What is to be said on a device.

    Raises:
        WireError: no text, too much of it, or a time that is none.
    """

    text: str
    urgent: bool = False
    """Interrupts whatever the device is doing; otherwise it waits until the device is idle."""

    keep: float = 60.0
    """Seconds that it may wait, for the device to become idle or to connect; after that nobody wants it any more."""

    emotion: str = "neutral"
    source: str = ""
    """Who wants it said, for the log."""

    outcome: "asyncio.Future[Outcome]" = field(init=False)

    def __post_init__(self) -> None:
        self.text = " ".join(self.text.split())
        if not self.text or len(self.text) > MAX_TEXT:
            raise WireError(f"the text has 1 to {MAX_TEXT} characters")
        if not 0 <= self.keep <= MAX_KEEP:  # what is not a number is refused, too
            raise WireError(f"keep is 0 to {MAX_KEEP:.0f} seconds")
        loop = asyncio.get_running_loop()
        self.outcome = loop.create_future()
        self.deadline = loop.time() + self.keep


class _Queue:
    """What waits for one device."""

    def __init__(self) -> None:
        self.items: list[Announcement] = []
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def next(self) -> Announcement | None:
        return next((item for item in self.items if item.urgent), self.items[0] if self.items else None)


class Announcer:
    """Part of the host's services. One task for each device that something waits for; none when nothing does."""

    def __init__(self, registry: ConnectionRegistry, counters: Counter[str]) -> None:
        self._registry = registry
        self._counters = counters
        self._queues: dict[str, _Queue] = {}
        self._log = EventLog()

    def announce(self, device_id: str, announcement: Announcement) -> None:
        """Queue an announcement; ``announcement.outcome`` says later what became of it.

        A full queue refuses what is not urgent; what is urgent displaces the oldest that is not.

        Raises:
            WireError: ``too_many``: too much waits for this device, or for too many devices.
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
        """Take an announcement back; one that is being said falls silent."""
        queue = self._queues.get(device_id)
        if queue is not None and announcement in queue.items:
            self._end(device_id, queue, announcement, "stopped")
            queue.changed.set()

    def waiting(self) -> int:
        """Return how many announcements wait or are being said."""
        return sum(len(queue.items) for queue in self._queues.values())

    async def close(self) -> None:
        """Drop what waits."""
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
        """Wait until the device is there and idle, and say it. None: it is not this one's turn any more."""
        loop = asyncio.get_running_loop()
        listening: float | None = None
        while queue.next() is item:
            queue.changed.clear()
            left = item.deadline - loop.time()
            handler = self._registry.device(device_id)
            if handler is not None and handler.voice is None:
                return "no voice"
            if handler is not None and handler.voice is not None:
                voice = handler.voice
                if voice.state != VoiceState.LISTENING:
                    listening = None
                elif listening is None:
                    listening = loop.time()
                patience = math.inf if listening is None else listening + _PATIENCE - loop.time()
                if item.urgent or not voice.busy or patience <= 0:
                    outcome = await self._speak(voice, queue, item)
                    if outcome != "interrupted" or self._registry.device(device_id) is handler:
                        return outcome
                    # Not the user but the connection ended it: once more, when the device is back.
                    continue
                waiting: Coroutine[Any, Any, object] = voice.until_idle()
            else:
                patience = math.inf
                waiting = self._registry.arrival(device_id)
            if left <= 0:
                waiting.close()
                return "expired"
            await _first(min(left, patience), waiting, queue.changed.wait())
        return None

    async def _speak(self, voice: VoiceSession, queue: _Queue, item: Announcement) -> Outcome:
        saying = voice.announce(item.text, item.emotion)
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
