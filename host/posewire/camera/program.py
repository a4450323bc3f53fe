"""Pictures to a room: a thread that tracks, and a sender that sends."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from posewire.camera.sources import Picture
from posewire.camera.tracker import Found, Tracker
from posewire.client.commands.staying import stay_in_room
from posewire.client.connection import HostConnection
from posewire.client.room.room import Room
from posewire.client.sending.pose_sender import PoseSender

_WINDOW = 2.0


@dataclass
class CameraCounts:
    """The counts so far. ``found``: the sets in the last picture; ``tracking_ms``: the time that it took."""

    pictures: int = 0
    with_somebody: int = 0
    found: tuple[str, ...] = ()
    tracking_ms: float = 0.0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=256))

    def add(self, found: Found, tracking_ms: float) -> None:
        """Count a picture, and whether somebody was found in it."""
        self.pictures += 1
        self.found = tuple(name for name, values in found.items() if values is not None)
        self.with_somebody += bool(self.found)
        self.tracking_ms = tracking_ms
        self.times.append(monotonic())

    @property
    def fps(self) -> float:
        """Pictures a second, over the last two."""
        now = monotonic()
        return sum(at > now - _WINDOW for at in list(self.times)) / _WINDOW


Look = Callable[[Picture, Tracker], bool]
"""Shows a picture; False: its user has seen enough."""


def track(
    pictures: Iterator[Picture],
    tracker: Tracker,
    send: Callable[[Found, float], Any],
    counts: CameraCounts,
    stop: threading.Event,
    look: Look | None = None,
) -> None:
    """Track until the pictures end, ``look`` says so, or ``stop`` is set. It blocks: run it in a thread."""
    try:
        for picture in pictures:
            began = monotonic()
            found = tracker.find(picture.image)
            counts.add(found, 1000 * (monotonic() - began))
            if counts.found:
                send({name: values for name, values in found.items() if values is not None}, picture.time_ms)
            if stop.is_set() or (look is not None and not look(picture, tracker)):
                return
    finally:
        tracker.close()
        close = getattr(pictures, "close", None)
        if close is not None:
            close()


async def send_pictures(
    host: HostConnection,
    room: str,
    pictures: Iterator[Picture],
    tracker: Tracker,
    counts: CameraCounts,
    *,
    look: Look | None = None,
    joined: Callable[[PoseSender], None] = lambda sender: None,
    **sender_options: Any,
) -> None:
    """Track pictures and publish what is found in a room, until the pictures end, or cancelled.

    Raises:
        WireError: the host refuses the room, or has removed this program from it.
        NotConnectedError: the connection is over.
    """
    loop, stop = asyncio.get_running_loop(), threading.Event()
    senders: list[PoseSender] = []

    def send(found: Found, time_ms: float) -> None:
        loop.call_soon_threadsafe(lambda: senders[-1].send(found, time_ms=time_ms) if senders else False)

    tracking: asyncio.Future[None] | None = None

    async def publish(place: Room) -> None:
        nonlocal tracking
        senders.append(place.sender(**sender_options))
        joined(senders[-1])
        if tracking is None:
            tracking = loop.run_in_executor(None, track, pictures, tracker, send, counts, stop, look)
        await asyncio.shield(tracking)
        # The last pose leaves a moment after the others, at the sender's pace.
        await asyncio.sleep(2 / senders[-1].fps)
        await host.flush()

    try:
        await stay_in_room(host, room, publish, publish=["pose"])
    finally:
        stop.set()
        if tracking is not None:
            await asyncio.gather(tracking, return_exceptions=True)
