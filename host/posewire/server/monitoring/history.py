"""The values of the last hour, for charts."""

from collections import deque
from collections.abc import Mapping
from typing import Any

_EVERY = 6.0
"""Seconds that a sample stands for: the largest of the values that came in them."""

_KEPT = 600


class History:
    """An hour of samples. Values of a name that comes later are missing (None) before."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._samples: deque[tuple[float, dict[str, float]]] = deque(maxlen=_KEPT)

    def add(self, at: float, values: Mapping[str, float]) -> None:
        """Add the values of a moment (unix seconds)."""
        at = round(at, 1)
        self._names += [name for name in values if name not in self._names]
        if not self._samples or at - self._samples[-1][0] >= _EVERY:
            self._samples.append((at, dict(values)))
            return
        newest = self._samples[-1][1]
        for name, value in values.items():
            newest[name] = max(value, newest.get(name, value))

    def since(self, after: float) -> dict[str, Any]:
        """Return the samples after a moment, for JSON."""
        rows = [[at, *map(values.get, self._names)] for at, values in self._samples if at > after]
        return {"names": self._names, "samples": [[_short(value) for value in row] for row in rows]}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
