"""Departure times at a steady rate, and a limit on the bytes a second."""

from time import monotonic

WIRE_OVERHEAD = 6 + 4
"""Bytes that a packet costs beside itself: the headers of a masked WebSocket frame and of frame protocol 3."""


class Pacer:
    """Steady departure times, ``1 / rate`` seconds apart. A late departure does not make the next ones early."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._next = 0.0

    def pause(self) -> float:
        """Return the seconds until the next departure, which is counted as taken."""
        now = monotonic()
        interval = 1 / self.rate
        if self._next < now - interval:
            self._next = now
        pause = max(0.0, self._next - now)
        self._next += interval
        return pause


class ByteBudget:
    """A token bucket over real bytes: what is sent is taken from it, afterwards; it may go below 0.

    ``kbit_s``: the limit; it may be used ahead for ``burst_s`` seconds.
    """

    def __init__(self, kbit_s: float, burst_s: float = 0.25) -> None:
        self._bytes_s = kbit_s * 1000 / 8
        self._most = self._bytes_s * burst_s
        self._level = self._most
        self._at = monotonic()

    def spend(self, size: int) -> None:
        """Count bytes that were sent."""
        self._fill()
        self._level -= size

    def pause(self) -> float:
        """Return the seconds until something may be sent again."""
        self._fill()
        return max(0.0, -self._level / self._bytes_s)

    def _fill(self) -> None:
        now = monotonic()
        self._level = min(self._most, self._level + (now - self._at) * self._bytes_s)
        self._at = now
