"""Round trips and the host's clock."""

from hypothesis import given
from hypothesis import strategies as st

from posewire.client.link.clock_offset import ClockOffset


@given(
    st.floats(-1e12, 1e12),
    st.lists(st.tuples(st.floats(0.1, 500), st.floats(0.1, 500)), min_size=1, max_size=20),
)
def test_the_offset_is_wrong_by_half_the_fastest_round_trip_at_most(
    offset: float, ways: list[tuple[float, float]]
) -> None:
    clock = ClockOffset()
    now = 0.0
    for there, back in ways:
        clock.add(now, now + there + back, now + there + offset)
        now += 1000
    found = clock.offset_ms
    assert found is not None
    fastest = min(there + back for there, back in ways[-8:])
    assert abs(found - offset) <= fastest / 2 + 1e-3


def test_percentiles() -> None:
    clock = ClockOffset()
    assert clock.offset_ms is None
    assert clock.percentiles() == {"p50": None, "p95": None, "p99": None}
    clock.add(0, 5, None)
    assert (clock.round_trip_ms, clock.offset_ms) == (5, None)
