"""The round trips of probes: the least of late, and how much they differ by themselves."""

_WINDOW = 10.0
"""Seconds over which the fastest is looked for: ways become longer and shorter."""

_SMOOTH = 1 / 8
_QUIET = 0.1
"""Seconds beyond the fastest up to which a round trip says something of the way's own unrest."""


class RoundTrips:
    """Learns from round trips, in seconds."""

    def __init__(self) -> None:
        self.spread = 0.0
        """The mean difference from their mean, of those that found no queue."""

        self._mean: float | None = None
        self._least = self._least_before = float("inf")
        self._window_ends = float("-inf")

    @property
    def least(self) -> float:
        """The fastest of the last ten to twenty seconds."""
        return min(self._least, self._least_before)

    def expected(self, unknown: float) -> float:
        """Return how long one may take where nothing waits; ``unknown``: as long as there was none."""
        return unknown if self._mean is None else self.least + 2 * self.spread

    def add(self, round_trip: float, now: float) -> float:
        """Take one; returns by how much it is beyond the fastest."""
        if now >= self._window_ends:
            self._least_before, self._least, self._window_ends = self._least, float("inf"), now + _WINDOW
        self._least = min(self._least, round_trip)
        wait = round_trip - self.least
        if wait < _QUIET:
            self._mean = round_trip if self._mean is None else self._mean
            self.spread += (min(abs(round_trip - self._mean), _QUIET) - self.spread) * _SMOOTH
            self._mean += (round_trip - self._mean) * _SMOOTH
        return wait

    def begin_anew(self, round_trip: float) -> None:
        """Take it that the way has become another: this is its round trip."""
        self._mean = self._least = round_trip
        self._least_before = float("inf")
