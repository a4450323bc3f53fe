"""Round trips to the host, and how far its clock is from this one."""

import time
from collections import deque

from posewire.measure.summary import percentiles

_RECENT = 8
_KEPT = 512


class ClockOffset:
    """Learns from pings: a round trip and the host's clock in the middle of it.

    The offset is that of the fastest of the last eight round trips: it can be wrong by half of it at most.
    """

    def __init__(self) -> None:
        self._round_trips: deque[float] = deque(maxlen=_KEPT)
        self._recent: deque[tuple[float, float]] = deque(maxlen=_RECENT)

    def add(self, sent_ms: float, received_ms: float, host_ms: float | None) -> float:
        """Take the times of a ping, in milliseconds on this clock and the host's; returns the round trip in ms."""
        round_trip = received_ms - sent_ms
        self._round_trips.append(round_trip)
        if host_ms is not None:
            self._recent.append((round_trip, host_ms - (sent_ms + received_ms) / 2))
        return round_trip

    @property
    def offset_ms(self) -> float | None:
        """Milliseconds that the host's clock is ahead of this one; None before it is known."""
        return min(self._recent)[1] if self._recent else None

    @property
    def round_trip_ms(self) -> float | None:
        """The last round trip; None before the first."""
        return self._round_trips[-1] if self._round_trips else None

    def percentiles(self) -> dict[str, float | None]:
        """Return percentiles of the last 512 round trips in ms, as ``{"p50": …}``; None before the first."""
        return percentiles(self._round_trips)


def now_ms() -> float:
    """Return this machine's clock: milliseconds since 1970."""
    return time.time() * 1000
