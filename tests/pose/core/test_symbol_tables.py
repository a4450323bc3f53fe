"""The entropy coder's tables: every value of 12 bits belongs to one symbol, in both directions."""

from itertools import pairwise

import pytest

from posewire.wire.pose.sets import SETS, custom_set
from posewire.wire.pose.trained.symbol_tables import GROUPS, TABLES, cumulative, symbol_lookup, table_group

SYMBOLS, TOTAL = 32, 1 << 12


@pytest.mark.parametrize("group", range(GROUPS))
def test_the_two_directions_agree(group: int) -> None:
    bounds, symbols = cumulative(group), symbol_lookup(group)
    assert len(bounds) == TABLES * (SYMBOLS + 1)
    assert len(symbols) == TABLES * TOTAL
    for table in range(TABLES):
        row = bounds[table * (SYMBOLS + 1) : (table + 1) * (SYMBOLS + 1)]
        assert (row[0], row[-1]) == (0, TOTAL)
        for symbol, (first, after) in enumerate(pairwise(row)):
            assert first < after, "a symbol without a frequency could not be coded"
            start = table * TOTAL
            assert set(symbols[start + first : start + after]) == {symbol}


def test_only_faces_have_a_group_of_their_own() -> None:
    assert {name for name, spec in SETS.items() if table_group(spec) == 1} == {"face468", "face478"}
    assert table_group(custom_set(2, (1,))) == 0
