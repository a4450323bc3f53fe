"""A table of samples, a row each moment, a column each name: the newest rows, and no more memory than those need."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from posewire.measure.summary import Summary, summarize


class Samples:
    """The newest ``capacity`` rows of values; a value that was not there is NaN."""

    def __init__(self, names: Sequence[str], capacity: int) -> None:
        self.names = tuple(names)
        # Pages that nobody has written to take no memory: the tables grow with what is in them.
        self._times = np.empty(capacity, np.float64)
        self._values = np.empty((capacity, len(self.names)), np.float32)
        self._count = 0

    def __len__(self) -> int:
        """Return how many rows are kept."""
        return min(self._count, len(self._times))

    def add(self, at: float, values: Mapping[str, float]) -> None:
        """Add a row; ``at`` must not go back. Names that the table does not have are left out."""
        row = self._count % len(self._times)
        self._times[row] = at
        self._values[row] = [values.get(name, np.nan) for name in self.names]
        self._count += 1

    def since(self, at: float) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return the times and the values, (rows, names), from a moment on, in order."""
        split = self._count % len(self._times) if self._count > len(self._times) else 0
        times = np.concatenate([self._times[split : len(self)], self._times[:split]])
        values = np.concatenate([self._values[split : len(self)], self._values[:split]])
        first = int(np.searchsorted(times, at))
        return times[first:], values[first:]

    def summaries(self, since: float) -> dict[str, Summary]:
        """Return what is said of each name's values from a moment on; names without values are left out."""
        _, values = self.since(since)
        found = {name: summarize(values[:, column]) for column, name in enumerate(self.names)}
        return {name: summary for name, summary in found.items() if summary is not None}
