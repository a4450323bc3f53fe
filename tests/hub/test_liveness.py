"""Whether the other end is alive, by what comes from it and by what it takes."""

from posewire.hub.liveness import Liveness


def test_what_comes_after_the_ping_is_an_answer_and_what_came_before_it_is_none() -> None:
    watch = Liveness(now=100.0, taken=0)
    assert not watch.answered(last_received=99.9)
    assert watch.answered(last_received=100.0)


def test_who_takes_nothing_for_so_long_is_gone() -> None:
    watch = Liveness(now=100.0, taken=50)
    assert not watch.gone(now=119.9, taken=50, within=20.0)
    assert watch.gone(now=120.0, taken=50, within=20.0)


def test_whoever_takes_something_has_as_much_time_again() -> None:
    watch = Liveness(now=100.0, taken=50)
    assert not watch.gone(now=119.0, taken=51, within=20.0)
    assert not watch.gone(now=138.9, taken=51, within=20.0)
    assert watch.gone(now=139.0, taken=51, within=20.0)
