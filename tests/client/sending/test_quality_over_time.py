"""The quality of a stream over minutes, in simulated time: down within two seconds, back again, and no swinging.

Sender, congestion control, decoder, reports and adaptation are the real ones. ``tests/data/network`` says what the
courses of networks are.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from posewire.sim.network.link_conditions import Step, read_script
from support.simulated_time import run_simulated
from support.simulated_way import SimulatedWay

NETWORKS = Path(__file__).parents[2] / "data" / "network"
FULL = 11.0
"""Kilobits a second of the stream (a body) at the full quality, headers included."""


def play(monkeypatch: pytest.MonkeyPatch, seconds: float, **options: Any) -> SimulatedWay:
    async def playing() -> SimulatedWay:
        way = SimulatedWay(**options)
        await way.run(seconds)
        return way

    way = run_simulated(monkeypatch, playing(), ("posewire.client",))
    print([(round(at, 1), quality.level, quality.cause) for at, quality in way.story])  # shown where a test fails
    return way


def constant(kbit_s: float) -> Sequence[Step]:
    return [Step(0, {"kbit_s": kbit_s, "latency_ms": 10, "jitter_ms": 4})]


def squeezed(wide: float, narrow: float, first: float, last: float) -> Sequence[Step]:
    steps = [(0.0, wide), (first, narrow), (last, wide)]
    return [Step(at, {"kbit_s": kbit_s, "latency_ms": 10}) for at, kbit_s in steps]


def share_over(ages: Sequence[float], limit: float) -> float:
    return sum(age > limit for age in ages) / len(ages)


@pytest.mark.parametrize("kbit_s", [40, 9, 5])
def test_a_way_to_the_host_that_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, kbit_s: float) -> None:
    way = play(monkeypatch, 60 if kbit_s < FULL else 20, up=constant(kbit_s))
    assert way.turns() <= (2 if kbit_s < FULL else 0)
    assert (way.levels()[-1] > 0) == (kbit_s < FULL)
    assert share_over(way.ages(5, 60), 250) < 0.05


@pytest.mark.parametrize("kbit_s", [16, 5])
def test_a_way_to_the_receiver_that_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, kbit_s: float) -> None:
    way = play(monkeypatch, 90 if kbit_s < FULL else 20, down=constant(kbit_s))
    assert way.turns(0, 60) <= (5 if kbit_s < FULL else 0)
    assert way.turns(60, 90) <= (2 if kbit_s < FULL else 0)


def test_unrest_of_a_wide_network_is_no_reason_for_less(monkeypatch: pytest.MonkeyPatch) -> None:
    restless = [
        Step(at, {"kbit_s": 500, "latency_ms": latency, "jitter_ms": 40})
        for at, latency in [(0, 10), (8, 60), (16, 25), (24, 90), (32, 15)]
    ]
    way = play(monkeypatch, 40, up=restless)
    assert [quality for _, quality in way.story if quality.cause == "uplink"] == []
    assert len(way.arrived) > 0.95 * 40 * 30


@pytest.mark.parametrize("direction", ["up", "down"])
def test_pauses_of_a_wide_network_are_no_reason_for_less(monkeypatch: pytest.MonkeyPatch, direction: str) -> None:
    # So networks of phones behave on the road: wide enough, and for a second or two nothing at all.
    pauses = [(at, 0.001 if at % 10 == 6 else 600) for at in range(60) if at % 10 in (0, 6, 8)]
    way = play(
        monkeypatch, 60, **{direction: [Step(at, {"kbit_s": kbit_s, "latency_ms": 30}) for at, kbit_s in pauses]}
    )
    assert max(way.levels()) <= 1
    assert way.turns() <= 2


def test_a_way_to_the_host_becomes_narrow_and_wide_again(monkeypatch: pytest.MonkeyPatch) -> None:
    way = play(monkeypatch, 45, up=squeezed(200, 4, 10, 30))
    assert way.story[0][0] <= 12
    assert way.turns() <= 1
    assert share_over(way.ages(12, 30), 250) < 0.05
    assert next(at for at, quality in way.story if at > 30 and not quality.level) <= 40


def test_a_way_to_the_receiver_becomes_narrow_and_wide_again(monkeypatch: pytest.MonkeyPatch) -> None:
    way = play(monkeypatch, 45, down=squeezed(200, 4, 10, 16))
    assert 10 < way.story[0][0] <= 12
    assert way.turns() <= 3
    assert way.levels()[-1] == 0


COURSES = ["walk-through-a-house", "train", "full-cafe"]


@pytest.mark.parametrize(("direction", "name"), [("up", name) for name in COURSES] + [("down", "train")])
def test_courses_of_networks(monkeypatch: pytest.MonkeyPatch, name: str, direction: str) -> None:
    steps = read_script(NETWORKS / f"{name}.csv")
    way = play(monkeypatch, 60, **{direction: steps})
    assert way.turns() <= 6
    # Where the network has been too narrow for two seconds, the quality is a lower one.
    rates = [step.changes["kbit_s"] for step in steps]
    means = [(steps[number].at, fmean(rates[number - 4 : number])) for number in range(4, len(steps))]
    narrow = [at for at, mean in means if mean < 0.75 * FULL]
    assert narrow or name == "full-cafe"
    assert all(max(way.levels(at - 2, at)) > 0 for at in narrow)
    # While it is wide the poses are new.
    wide = [step.at for step in steps if step.changes["kbit_s"] > 5 * FULL]
    new = [age for at, age, _ in way.arrived if at // 0.5 * 0.5 in wide and at // 0.5 * 0.5 - 0.5 in wide]
    assert not new or share_over(new, 250) < 0.1


@pytest.mark.parametrize("name", ["walk-through-a-house", "full-cafe"])
def test_poses_are_newer_than_without_adaptation(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    steps = read_script(NETWORKS / f"{name}.csv")
    adapted = play(monkeypatch, 25, up=steps)
    fixed = play(monkeypatch, 25, up=steps, adapt=False)
    assert share_over(adapted.ages(0, 25), 250) < share_over(fixed.ages(0, 25), 250)


def test_the_face_goes_first_then_the_hands_and_they_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = ("body33", "hands42", "face468")
    way = play(monkeypatch, 12, sets=sets, up=squeezed(400, 12, 1.5, 3))
    seen = [arrived for _, _, arrived in way.arrived]
    without = [before for before, after in pairwise(seen) if before != after]
    assert without[0] == sets
    assert all("face468" not in arrived or "hands42" in arrived for arrived in seen)
    assert any("face468" not in arrived for arrived in seen)
    assert all("body33" in arrived for arrived in seen)
    assert seen[-1] == sets


def test_where_receivers_have_trouble_every_other_pose_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    way = play(monkeypatch, 6, down=constant(4))
    encoder = way.sender._encoder
    assert way.levels()[-1] > 0
    assert encoder is not None
    assert encoder.layers == 2
