"""A summary of many values: how many, the mean, the extremes, percentiles."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Summary:
    """Values in short. ``p50``, ``p95``, ``p99``: at least this share of the values is not above it."""

    count: int
    mean: float
    least: float
    most: float
    p50: float
    p95: float
    p99: float

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def summarize(values: Iterable[float]) -> Summary | None:
    """Return what is said of the values; NaN is no value. None: there is none."""
    array = np.asarray(list(values) if not isinstance(values, np.ndarray) else values, np.float64)
    ordered = np.sort(array[~np.isnan(array)])
    if not len(ordered):
        return None
    p50, p95, p99 = (float(ordered[_index(len(ordered), share)]) for share in (0.5, 0.95, 0.99))
    return Summary(len(ordered), float(ordered.mean()), float(ordered[0]), float(ordered[-1]), p50, p95, p99)


def percentile(values: Iterable[float], share: float) -> float | None:
    """Return the smallest value that at least this share of the values does not exceed; None of none."""
    ordered = sorted(values)
    return ordered[_index(len(ordered), share)] if ordered else None


def percentiles(values: Sequence[float], shares: Sequence[float] = (0.5, 0.95, 0.99)) -> dict[str, float | None]:
    """Return percentiles as ``{"p50": …}``; None of none."""
    ordered = sorted(values)
    return {f"p{round(100 * share)}": ordered[_index(len(ordered), share)] if ordered else None for share in shares}


def _index(count: int, share: float) -> int:
    # Rounded up: an index is the number of values before it.
    return min(count - 1, max(0, -int(-share * count // 1) - 1))
