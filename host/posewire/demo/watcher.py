"""A second client in the room: decodes what the board publishes, in a thread of its own."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from posewire.client.room_client import ReceivedPose, RoomClient, StreamCount

_JOIN_TIMEOUT = 15.0
_RATE_EVERY = 2.0


@dataclass(frozen=True)
class Seen:
    """A received pose and when it arrived (seconds, monotonic)."""

    at: float
    received: ReceivedPose


class RoomWatcher:
    """Watches a room while the demo goes on. ``poses`` grows; ``counts`` are by landmark set."""

    def __init__(self, url: str, room: str, say: Callable[[str], None] | None = None) -> None:
        self._say = say
        self.poses: list[Seen] = []
        self.error: BaseException | None = None
        self._url = url
        self._room = room
        self._joined = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._client: RoomClient | None = None
        self._thread = threading.Thread(target=self._run, name="room watcher", daemon=True)

    def __enter__(self) -> "RoomWatcher":
        self._thread.start()
        self._joined.wait(_JOIN_TIMEOUT)
        if self.error is not None:
            raise self.error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(_JOIN_TIMEOUT)

    def counts(self) -> dict[str, StreamCount]:
        """Return the counts of every stream by the name of its landmark set."""
        counts = [] if self._client is None else self._client.counts().values()
        return {"+".join(count.sets): count for count in counts if count.sets}

    def seen(self, name: str) -> list[Seen]:
        """Return the poses received so far that hold a landmark set."""
        return [seen for seen in list(self.poses) if name in seen.received.pose.values]

    def _run(self) -> None:
        self._task = self._loop.create_task(self._watch())
        try:
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)
        except Exception as exc:
            self.error = exc
        finally:
            self._joined.set()
            self._loop.close()

    async def _watch(self) -> None:
        async with RoomClient(self._url, self._room, name="demo-watcher") as client:
            self._client = client
            self._joined.set()
            telling = asyncio.create_task(self._tell_rates())
            try:
                async for received in client.poses():
                    self.poses.append(Seen(time.monotonic(), received))
            finally:
                telling.cancel()
                await asyncio.wait([telling])

    async def _tell_rates(self) -> None:
        before = 0
        while self._say is not None:
            await asyncio.sleep(_RATE_EVERY)
            recent = self.poses[before:]
            before += len(recent)
            streams: dict[str, list[int]] = {}
            for seen in recent:
                streams.setdefault("+".join(seen.received.pose.values), []).append(seen.received.packet_bytes)
            rates = [
                f"{name} {len(sizes) / _RATE_EVERY:.1f} Hz, {sum(sizes) / len(sizes):.0f} bytes a frame"
                for name, sizes in streams.items()
            ]
            if rates:
                self._say(f"motion in the room: {'; '.join(rates)}")
