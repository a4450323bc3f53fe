"""Growth within a window."""

from posewire.measure.growth import Growth


def test_growth_is_since_the_beginning_of_the_window() -> None:
    growth = Growth(60)
    assert [growth.add(now, value) for now, value in [(0, 10), (30, 25), (60, 30), (61, 30), (91, 30)]] == [
        0, 15, 20, 5, 0,
    ]  # fmt: skip


def test_a_whole_window_is_waited_for() -> None:
    growth = Growth(3600, every=60, whole=True)
    found = [growth.add(10 * step, step) for step in range(721)]
    assert found[359] is None
    assert found[360] == 360
    assert found[720] is not None
    assert 360 <= found[720] <= 366
