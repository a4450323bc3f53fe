"""Summaries and percentiles."""

import math

from hypothesis import given
from hypothesis import strategies as st

from posewire.measure.summary import percentile, percentiles, summarize


def test_percentiles_are_values_that_were_there() -> None:
    assert percentile([], 0.5) is None
    assert [percentile(range(1, 101), share) for share in (0.0, 0.5, 0.95, 0.99, 1.0)] == [1, 50, 95, 99, 100]
    assert percentiles([3, 1, 2]) == {"p50": 2, "p95": 3, "p99": 3}
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_at_least_the_share_is_not_above_a_percentile(values: list[float]) -> None:
    summary = summarize(values)
    assert summary is not None
    for share, found in ((0.5, summary.p50), (0.95, summary.p95), (0.99, summary.p99)):
        assert found in values
        assert sum(value <= found for value in values) >= share * len(values)
        assert sum(value < found for value in values) < share * len(values) or found == min(values)
    assert (summary.least, summary.most, summary.count) == (min(values), max(values), len(values))


def test_what_is_not_there_is_no_value() -> None:
    assert summarize([math.nan, math.nan]) is None
    found = summarize([math.nan, 4.0])
    assert found is not None
    assert (found.count, found.mean) == (1, 4.0)
