"""A stream of poses from a sender by way of a relay to a receiver, over two links, in simulated time.

Sender, session, congestion control, decoder, reports and adaptation are the real ones; links and relay are simulated.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.client.link.send_queue import SendQueue
from posewire.client.link.session import Session
from posewire.client.link.statistics import ConnectionStatistics
from posewire.client.room.pose_streams import PoseStreams
from posewire.client.room.receiver_reports import ReceiverReports
from posewire.client.sending.adaptive import Quality
from posewire.client.sending.pose_sender import PoseSender
from posewire.client.transports.base import Delivery
from posewire.rooms.quality import ReceiverReport, add_up
from posewire.sim.network.link_conditions import LinkConditions, Step
from posewire.wire.frames import parse_frame
from posewire.wire.pose import landmark_set

FPS = 30
_FRAMING, _PROBE = 6, 10
_BUFFER = 8 * 1024
"""Bytes that wait for a link before its sender is held up."""

_RELAY_BUFFER = 16 * 1024
"""Bytes that wait for a receiver before poses skip it."""

WIDE = (Step(0, {"kbit_s": 2000, "latency_ms": 10}),)


class Link:
    """One direction of a network whose conditions change at given times; what waits for it stays in order."""

    def __init__(self, steps: Sequence[Step], seed: int) -> None:
        self._began = _now()
        conditions = LinkConditions()
        self._course: list[tuple[float, LinkConditions]] = []
        for step in steps:
            conditions = replace(conditions, **step.changes)
            self._course.append((self._began + step.at, conditions))
        self._chance = random.Random(seed)
        self._free = self._arrived = 0.0
        self._waiting: list[tuple[float, int]] = []

    def conditions(self, at: float) -> LinkConditions:
        """Return the conditions at a moment."""
        return [found for since, found in self._course if since <= at + 1e-9][-1]

    def waiting(self) -> int:
        """Return how many bytes have not left yet."""
        now = _now()
        self._waiting = [(left, size) for left, size in self._waiting if left > now]
        return sum(size for _, size in self._waiting)

    def pass_on(self, size: int) -> float:
        """Put bytes on the way; returns when they arrive."""
        at, bits = max(self._free, _now()), 8.0 * size
        changes = [since for since, _ in self._course] + [float("inf")]
        while True:
            rate = max(1.0, self.conditions(at).kbit_s * 1000)
            until = next(change for change in changes if change > at + 1e-9)
            if at + bits / rate <= until:
                break
            bits -= (until - at) * rate
            at = until
        self._free = at + bits / rate
        self._waiting.append((self._free, size))
        conditions = self.conditions(self._free)
        way = (conditions.latency_ms + self._chance.random() * conditions.jitter_ms) / 1000
        self._arrived = max(self._arrived + 1e-6, self._free + way)  # timers of one moment have no order
        return self._arrived


class _Transport:
    name, lossy = "simulated", False
    close_code: int | None = None
    close_reason = ""

    def __init__(self, link: Link, arrived: Callable[[bytes], None]) -> None:
        self._link = link
        self._arrived = arrived

    async def send(self, message: str | bytes, delivery: Delivery = Delivery.RELIABLE) -> None:
        assert isinstance(message, bytes)
        while self._link.waiting() > _BUFFER:
            await asyncio.sleep(0.005)
        _at(self._link.pass_on(len(message) + _FRAMING), lambda: self._arrived(message))

    async def probe(self) -> None:
        back = self._link.conditions(_now()).latency_ms / 1000
        await asyncio.sleep(self._link.pass_on(_PROBE) + back - _now())

    async def messages(self) -> AsyncIterator[str | bytes]:
        await asyncio.Event().wait()
        yield b""

    async def close(self) -> None: ...

    def abort(self) -> None: ...

    def statistics(self) -> dict[str, Any]:
        return {}


class SimulatedWay:
    """A camera that sends 30 poses a second over ``up`` to a relay, and from there over ``down`` to one receiver.

    ``sender`` has the options of ``PoseSender``. Times are seconds since the start.
    """

    lossy, in_room, connected = False, True, True

    def __init__(
        self, up: Sequence[Step] = WIDE, down: Sequence[Step] = WIDE, sets: Sequence[str] = ("body33",), **sender: Any
    ) -> None:
        self.began = _now()
        self.story: list[tuple[float, Quality]] = []
        """Each change of the quality."""

        self.arrived: list[tuple[float, float, tuple[str, ...]]] = []
        """Each pose that arrived: when, its real age in milliseconds, its sets."""

        self.queue = SendQueue()
        self._motions = _motions(sets)
        self._up, self._down = Link(up, 1), Link(down, 2)
        self.session = Session(
            _Transport(self._up, self._relayed), self.queue, ConnectionStatistics(), lambda message: None
        )
        self.sender = PoseSender(self, changed=self._changed, fps=FPS, compiled=True, **sender)  # type: ignore[arg-type]
        self._streams = PoseStreams(
            lambda member_id, packet: self._back(lambda: self.sender.control(packet)), compiled=True
        )
        self._reports = ReceiverReports(self._streams.counts, lambda: 0, self._report)
        self._troubled = float("-inf")

    @property
    def bytes_s(self) -> float | None:
        """See ``HostLink``."""
        return self.session.congestion.bytes_s

    @property
    def carries(self) -> float | None:
        """See ``HostLink``."""
        return self.session.congestion.carries

    def on(self, event: str, handler: Callable[..., Any]) -> Callable[[], None]:
        """See ``HostLink``; nothing happens to this connection."""
        return lambda: None

    async def run(self, seconds: float) -> None:
        """Send for so long."""
        reporting = asyncio.create_task(self._reports.run())
        for step in range(round(seconds * FPS)):
            self.sender.send(
                {
                    name: (place + size * np.sin(speed * step / FPS + phase)).astype(np.float32)
                    for name, (place, size, speed, phase) in self._motions.items()
                }
            )
            await asyncio.sleep(self.began + (step + 1) / FPS - _now())
        reporting.cancel()
        self.sender.stop()
        await self.session.close()

    # --- what a test asks

    def levels(self, first: float = 0.0, last: float = float("inf")) -> list[int]:
        """Return the levels between two moments, the one at the first of them included."""
        before = [quality.level for at, quality in self.story if at <= first]
        return [before[-1] if before else 0, *(quality.level for at, quality in self.story if first < at <= last)]

    def turns(self, first: float = 0.0, last: float = float("inf")) -> int:
        """Return how often the level went up after it went down, or down after it went up."""
        steps = [after - before for before, after in pairwise(self.levels(first, last)) if after != before]
        return sum((a > 0) != (b > 0) for a, b in pairwise(steps))

    def ages(self, first: float, last: float) -> list[float]:
        """Return the ages of what arrived between two moments, in milliseconds, in ascending order."""
        return sorted(age for at, age, _ in self.arrived if first < at <= last)

    # --- inside

    def _changed(self, quality: Quality) -> None:
        self.story.append((_now() - self.began, quality))

    def _relayed(self, message: bytes) -> None:
        if self._down.waiting() <= _RELAY_BUFFER:
            _at(self._down.pass_on(len(message)), lambda: self._received(message))

    def _received(self, message: bytes) -> None:
        pose = self._streams.decode(1, "camera", parse_frame(message, 3).payload)
        if pose is None:
            return
        self._reports.arrived(pose)
        age = (1000 * _now() - pose.pose.time_ms) % (1 << 32)
        self.arrived.append((_now() - self.began, age, tuple(pose.values)))

    def _report(self, message: Mapping[str, Any]) -> None:
        found = [
            ReceiverReport(stream["loss"], stream["age_ms"], stream["buffer"])
            for stream in message["streams"]
            if stream["member_id"] == 1
        ]
        together = add_up(found or [ReceiverReport()])
        if not together.is_fine:
            self._troubled = _now()
        if _now() - self._troubled <= 120:  # the host tells of a stream for so long
            event = {"stream": 0, "loss": together.loss, "age_ms": together.age_ms, "buffer": together.buffer}
            self._back(lambda: self.sender.on_reports(event))

    def _back(self, arrive: Callable[[], None]) -> None:
        latency = sum(link.conditions(_now()).latency_ms for link in (self._up, self._down))
        _at(_now() + latency / 1000, arrive)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _at(when: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_at(when, call)


def _motions(names: Sequence[str]) -> dict[str, tuple[NDArray[np.float64], ...]]:
    """Return place, size, speed and phase of each landmark of these sets."""
    chance = np.random.default_rng(7)
    ranges = ((0.2, 0.8), (0.01, 0.08), (0.2, 1.5), (0.0, 6.3))
    sizes = [(name, landmark_set(name)) for name in names]
    return {
        name: tuple(chance.uniform(low, high, (spec.landmarks, len(spec.bits))) for low, high in ranges)
        for name, spec in sizes
    }
