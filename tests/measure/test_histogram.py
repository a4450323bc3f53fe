"""Percentiles of the histogram."""

from hypothesis import given
from hypothesis import strategies as st

from posewire.measure.histogram import Histogram


@given(st.lists(st.floats(0, 4), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_percentile_is_the_next_bound_above_the_true_one(values: list[float], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    ordered = sorted(values)
    at = next(index for index in range(len(ordered)) if index + 1 >= share * len(ordered))
    bounds = [0.0, *histogram.bounds]
    found = histogram.percentile(share)
    assert ordered[at] <= found
    assert found in bounds
    assert bounds[bounds.index(found) - 1] <= ordered[at] or found == bounds[1]
