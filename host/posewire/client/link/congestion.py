"""How much is on its way to the host: a probe after a pose tells when that has arrived."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

from posewire.client.link.round_trips import RoundTrips
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

_LOOK, _LOOK_AGAIN = 8.0, 2.0
"""Seconds after which a way, and a congested one, is probed without a pose before it: how long is the way itself?"""

_OWN = 0.5
"""Share of a wait that must be gone when nothing of this program is on its way: else it is not its own doing."""

_HEADER = 6
"""Bytes of a masked WebSocket frame's header."""

_UNKNOWN = 0.1
"""Seconds of a round trip, as long as none is known."""

_SHORTEST = 0.002
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
        self._last = 0
        self._probing = False
        self._next = self._looked = float("-inf")
        self._trips = RoundTrips()
        # One answer that is a little late is jitter; three in a row are a queue.
        self._waits: deque[float] = deque(maxlen=3)
        self._rates: deque[float] = deque(maxlen=5)
        self._drained = self._behind = False

    @property
    def carries(self) -> float | None:
        """The bytes a second that the way carries at least, by how long the last poses took; None: not known.

        Unrest only makes them take longer: the second best of five tells.
        """
        return sorted(self._rates)[-2] if len(self._rates) == self._rates.maxlen else None

    def sent(self, size: int) -> None:
        """Note that a pose of so many bytes was sent."""
        self._last = size
        self._behind = True
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
        self._next = monotonic() + _INTERVAL
        patience = min(self._trips.expected(_UNKNOWN), _LONGEST) + _PATIENCE
        late = asyncio.get_running_loop().call_later(patience, self._hold, True)
        try:
            self._learn(self._last, await self._probe())
        finally:
            late.cancel()
        suspicious = self.congested or self._waited(_CONGESTED)
        if monotonic() - self._looked > (_LOOK_AGAIN if self.congested else 0.0 if suspicious else _LOOK):
            self._hold(True)
            await self._look(suspicious)
        self._probing = False
        self._hold(False)

    async def _probe(self) -> float:
        """Send a probe; returns how long the answer took, in seconds, two at most."""
        began = monotonic()
        self._behind = False
        try:
            async with asyncio.timeout(_LONGEST):
                await self._ask()
        except TimeoutError:
            pass  # a host that answers no probes: poses go on, two seconds apart at worst
        return monotonic() - began

    async def _look(self, suspicious: bool) -> None:
        """Probe with nothing on its way: what the answer takes longer then is the way's, not a queue's."""
        if self._behind:
            await self._probe()
        alone = await self._probe()
        first, self._looked = self._looked == float("-inf"), monotonic()
        wait = self._trips.add(alone, self._looked)
        if first or (suspicious and wait > _OWN * self._waits[-1]):
            self._trips.begin_anew(alone)
            self._waits.clear()
            self._rates.clear()
            self.congested = False
        elif suspicious:
            self.congested = self._drained = True

    def _learn(self, size: int, round_trip: float) -> None:
        wait = self._trips.add(round_trip, monotonic())
        self._waits.append(wait)
        if self.congested and not self._waited(_FREE):
            self.congested = False
        rate = (size + _HEADER) / max(wait, _SHORTEST)
        self._rates.append(rate)
        if self.congested:
            # What was measured before the queue was empty is too little.
            if self._drained:
                self.bytes_s = rate if self.bytes_s is None else min(rate, _GROWTH * self.bytes_s)
        elif self.bytes_s is not None:
            self.bytes_s = _GROWTH * self.bytes_s if self.bytes_s < _PLENTY else None
        if not self.congested:
            self._drained = False

    def _waited(self, limit: float) -> bool:
        """Whether the last probes waited longer than this, and than the way's own unrest explains."""
        limit += 2 * self._trips.spread
        three = len(self._waits) == self._waits.maxlen
        return bool(self._waits) and (
            self._waits[-1] > max(_LATE, limit) or ((three or self.congested) and min(self._waits) > limit)
        )
