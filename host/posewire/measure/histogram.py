"""A histogram that costs next to nothing to fill, and percentiles from it."""

from bisect import bisect_left
from collections.abc import Sequence

SECONDS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds, in seconds, that suit a message's way through the host and the event loop's lag."""


class Histogram:
    """Counts by upper bound; the last count is of what lies above all bounds."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value in the bucket that it falls into."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy_counts(self) -> list[int]:
        """Return the counts as they are, to ask for percentiles of what comes after."""
        return list(self.counts)

    def percentile(self, share: float, since: Sequence[int] | None = None) -> float:
        """Return the value below which ``share`` (0 … 1) of the values lie, to the next bound; 0 if there are none."""
        counts = self.counts if since is None else [now - then for now, then in zip(self.counts, since, strict=True)]
        wanted = share * sum(counts)
        if not wanted:
            return 0.0
        reached = 0
        for bound, count in zip((*self.bounds, 2 * self.bounds[-1]), counts, strict=True):
            reached += count
            if reached >= wanted:
                return bound
        return 2 * self.bounds[-1]
