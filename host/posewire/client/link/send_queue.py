"""A bounded queue of what is to be sent: by priority, then by age; a newer pose takes the place of an older one."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from time import monotonic
from typing import Any

from posewire.client.transports.base import Delivery
from posewire.errors import QueueFullError


def _reliable(data: bytes | str) -> Delivery:
    return Delivery.RELIABLE


class Priority(IntEnum):
    """The order of sending."""

    CONTROL = 0
    AUDIO = 1
    POSE = 2


@dataclass
class Queued:
    """One thing to be sent.

    ``make`` returns its bytes or text at the moment of departure, None when there is nothing to send any more. ``key``:
    what it replaces, and is replaced by, while it waits; None: nothing. ``sent`` is called with the size on the wire,
    or with None when it was dropped. ``message``: a control message that is worth sending after a loss, too.
    ``delivery`` returns what its bytes are worth late.
    """

    priority: Priority
    make: Callable[[], bytes | str | None]
    key: Hashable = None
    deadline: float | None = None
    sent: Callable[[int | None], None] | None = None
    message: Mapping[str, Any] | None = None
    at: float = 0.0
    delivery: Callable[[bytes | str], Delivery] = _reliable


class SendQueue:
    """Holds at most ``capacity`` things to be sent.

    When it is full, the oldest of the lowest priority that is not above the new one's gives way; a control message that
    finds only control messages is refused (``QueueFullError``): they are never dropped.
    """

    def __init__(self, capacity: int = 256) -> None:
        self.capacity = capacity
        self.dropped: Counter[str] = Counter()
        """The messages that were not sent, by cause: ``replaced``, ``full``, ``deadline``, ``cleared``, ``lost``
        (with the connection)."""

        self._lanes: dict[Priority, deque[Queued]] = {priority: deque() for priority in Priority}
        self._filled = asyncio.Event()
        self._poses_wait = False

    def __len__(self) -> int:
        """Return how much waits."""
        return sum(map(len, self._lanes.values()))

    def waiting(self) -> dict[str, int]:
        """Return how much waits of each priority."""
        return {priority.name.lower(): len(lane) for priority, lane in self._lanes.items()}

    def put(self, item: Queued) -> None:
        """Add something; returns at once.

        Raises:
            QueueFullError: full of what goes before it.
        """
        item.at = monotonic()
        lane = self._lanes[item.priority]
        if item.key is not None:
            older = next((queued for queued in lane if queued.key == item.key), None)
            if older is not None:
                lane.remove(older)
                self._drop(older, "replaced")
        if len(self) >= self.capacity:
            self._make_room(item)
        lane.append(item)
        self._filled.set()

    async def get(self) -> Queued:
        """Wait for the next thing to be sent, and take it."""
        while True:
            for priority, lane in self._lanes.items():
                while lane and not (self._poses_wait and priority is Priority.POSE):
                    item = lane.popleft()
                    if item.deadline is None or item.deadline >= monotonic():
                        return item
                    self._drop(item, "deadline")
            self._filled.clear()
            await self._filled.wait()

    def hold_poses(self, hold: bool) -> None:
        """Let poses wait, or go on; all else goes on meanwhile."""
        self._poses_wait = hold
        if not hold:
            self._filled.set()

    def clear(self, key: Hashable = None) -> int:
        """Drop what waits with this key (None: everything but control messages); returns how much that was."""
        count = 0
        for priority, lane in self._lanes.items():
            if priority is Priority.CONTROL and key is None:
                continue
            for item in [queued for queued in lane if key is None or queued.key == key]:
                lane.remove(item)
                self._drop(item, "cleared")
                count += 1
        return count

    def empty(self) -> list[Queued]:
        """Take everything out, in the order in which it would have been sent."""
        taken = [item for lane in self._lanes.values() for item in lane]
        for lane in self._lanes.values():
            lane.clear()
        for item in taken:
            if item.message is None:
                self._drop(item, "lost")
        return taken

    def _make_room(self, item: Queued) -> None:
        for priority in reversed(Priority):
            lane = self._lanes[priority]
            if priority is Priority.CONTROL or priority < item.priority:
                break
            if lane:
                self._drop(lane.popleft(), "full")
                return
        raise QueueFullError(f"{self.capacity} messages wait to be sent already", capacity=self.capacity)

    def _drop(self, item: Queued, cause: str) -> None:
        self.dropped[cause] += 1
        if item.sent is not None:
            item.sent(None)
