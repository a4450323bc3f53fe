"""Even departures and a limit on bytes."""

from typing import Any

import pytest

from posewire.client.sending import pacing
from posewire.client.sending.pacing import ByteBudget, Pacer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    now = [100.0]
    monkeypatch.setattr(pacing, "monotonic", lambda: now[0])
    return now


def test_departures_are_evenly_apart(clock: list[float]) -> None:
    pacer, left = Pacer(10), []
    for late in (0.0, 0.03, 0.0, 0.02, 0.0):
        clock[0] += pacer.pause() + late
        left.append(clock[0] - late)
    assert left == pytest.approx([100.0, 100.1, 100.2, 100.3, 100.4])


def test_after_a_break_there_is_no_burst(clock: list[float]) -> None:
    pacer = Pacer(10)
    pacer.pause()
    clock[0] += 5
    assert pacer.pause() == 0
    assert pacer.pause() == pytest.approx(0.1)


def test_bytes_are_limited_over_time(clock: list[float]) -> None:
    budget, sent, began = ByteBudget(80, burst_s=0.25), 0, clock[0]
    while clock[0] - began < 10:
        clock[0] += budget.pause()
        budget.spend(700)
        sent += 700
        clock[0] += 0.001
    assert 100_000 <= sent <= 10_000 * (clock[0] - began) + 2500 + 700
