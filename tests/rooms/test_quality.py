"""The level of a stream by its receivers' reports: down within two seconds, up step by step, no swinging."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewire.rooms.quality import LEVELS, QualityController, ReceiverReport, add_up

FULL = 130.0
"""Kilobits a second of a stream at the full quality."""

BUFFER = 8_000 * 8 / 1000
"""Kilobits that wait in the network before packets are lost."""


class Network:
    """A stream over a network whose bandwidth changes: what waits makes poses old, what does not fit is lost."""

    def __init__(self, kbit_s: Callable[[float], float]) -> None:
        self.controller = QualityController()
        self.kbit_s = kbit_s
        self.now = 0.0
        self.waiting = 0.0
        self.story: list[tuple[float, int]] = []
        self.ages: list[tuple[float, float]] = []

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            level = LEVELS[self.controller.level]
            offered = FULL * level.size * level.rate * 0.5
            capacity = self.kbit_s(self.now) * 0.5
            lost = max(0.0, self.waiting + offered - capacity - BUFFER)
            self.waiting = max(0.0, self.waiting + offered - capacity - lost)
            self.now += 0.5
            age = 1000 * self.waiting / max(1.0, self.kbit_s(self.now))
            self.ages.append((self.now, age))
            if self.controller.update(ReceiverReport(lost / offered, age), self.now):
                self.story.append((self.now, self.controller.level))

    def turns(self) -> int:
        """How often the level went up after it went down, or down after it went up."""
        levels = [0, *(level for _, level in self.story)]
        steps = [after - before for before, after in pairwise(levels)]
        return sum((a > 0) != (b > 0) for a, b in pairwise(steps))


@pytest.mark.parametrize("narrow", [100, 60, 30, 10])
def test_a_sudden_step_is_answered_within_two_seconds_and_undone(narrow: float) -> None:
    network = Network(lambda now: 400 if now < 10 or now >= 30 else narrow)
    network.run(10)
    assert network.story == []
    network.run(20)
    reported = next(at for at, age in network.ages if age > 150)
    assert network.story[0][0] <= reported + 2
    assert network.controller.cause in ("age", "loss")
    network.run(90)
    assert (network.controller.level, network.controller.cause) == (0, "")


@settings(deadline=None)
@given(st.floats(30, 400))
def test_a_network_that_stays_as_it_is_makes_no_swings(kbit_s: float) -> None:
    network = Network(lambda now: kbit_s)
    network.run(300)
    assert network.turns() <= 13  # so many between 90.75 and 90.79 kbit/s only; at most 11 elsewhere
    later = [at for at, _ in network.story if at > 150]
    assert len(later) <= 9  # a step up is tried ever more rarely


@pytest.mark.parametrize("pause_ms", [900, 3000, 9000])
def test_a_pause_of_the_network_that_is_over_is_no_reason_for_less(pause_ms: float) -> None:
    controller = QualityController()
    for second in range(60):
        paused = second % 12 == 6
        controller.update(ReceiverReport(0.0, pause_ms if paused else 20.0), second)
        assert controller.level == 0
    controller.update(ReceiverReport(0.0, pause_ms), 60.0)
    controller.update(ReceiverReport(0.0, pause_ms + 300), 60.5)
    assert controller.level > 0  # it was none: poses are still late


def test_one_network_among_four_counts_and_one_among_many_does_not() -> None:
    bad, good = ReceiverReport(0.4, 600, 20), ReceiverReport()
    assert add_up([]) == good
    assert add_up([bad]) == bad
    assert add_up([bad, good, good, good]) == bad
    assert add_up([bad, good, good, good, good]) == good
    assert add_up([bad] * 3 + [good] * 7) == bad
    assert add_up([bad] * 2 + [good] * 7) == good


def test_each_level_is_less_than_the_one_before() -> None:
    assert LEVELS[0].size == LEVELS[0].rate == 1
    costs = [level.size * level.rate for level in LEVELS]
    assert costs == sorted(costs, reverse=True)
    assert [level.without for level in LEVELS] == [(), (), ("face",), ("face",), ("face", "hands")]
