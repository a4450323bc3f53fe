"""The table of samples."""

import numpy as np

from posewire.measure.samples import Samples


def test_the_newest_rows_are_kept_in_order() -> None:
    table = Samples(["a", "b"], capacity=4)
    for at in range(10):
        table.add(at, {"a": at} if at % 2 else {"a": at, "b": -at, "unknown": 1})
    times, values = table.since(0)
    assert times.tolist() == [6, 7, 8, 9]
    assert values[:, 0].tolist() == [6, 7, 8, 9]
    assert np.isnan(values[:, 1]).tolist() == [False, True, False, True]
    assert len(table) == 4


def test_a_summary_is_of_a_window() -> None:
    table = Samples(["a", "b"], capacity=100)
    for at in range(10):
        table.add(at, {"a": at})
    assert set(table.summaries(0)) == {"a"}
    found = table.summaries(7)["a"]
    assert (found.count, found.least, found.most, found.p50) == (3, 7, 9, 8)
