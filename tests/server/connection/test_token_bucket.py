"""Token buckets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.server.connection import token_bucket
from posewire.server.connection.token_bucket import ABUSE, TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(token_bucket, "monotonic", made)
    return made


def test_a_burst_passes_and_the_rate_after_it(clock: Clock) -> None:
    bucket = TokenBucket(8.0, 3)
    assert [bucket.try_acquire() for _ in range(4)] == [True, True, True, False]
    clock.now += 0.125
    assert [bucket.try_acquire() for _ in range(2)] == [True, False]


def test_a_flood_is_over_after_a_second_without_it(clock: Clock) -> None:
    bucket = TokenBucket(8.0, 3)
    for _ in range(5):
        bucket.try_acquire()
    assert bucket.dropped == 2
    clock.now += 0.25
    assert bucket.try_acquire()
    assert bucket.dropped == 2
    clock.now += 1.0
    bucket.try_acquire()  # the second of the two tokens
    assert bucket.try_acquire()
    assert bucket.dropped == 0


def test_a_flood_that_goes_on_is_abuse(clock: Clock) -> None:
    bucket = TokenBucket(1.0, 2)
    for _ in range(2 + 2 * ABUSE):
        bucket.try_acquire()
    assert not bucket.is_abusive
    bucket.try_acquire()
    assert bucket.is_abusive


def test_a_rate_of_0_is_no_limit(clock: Clock) -> None:
    bucket = TokenBucket(0.0, 1)
    assert all(bucket.try_acquire() for _ in range(1000))
    assert bucket.dropped == 0


@given(st.floats(0.5, 500), st.integers(1, 50), st.lists(st.floats(0, 3), max_size=100))
def test_no_more_pass_than_the_burst_and_the_rate_allow(rate: float, burst: int, pauses: list[float]) -> None:
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_bucket, "monotonic", clock)
        bucket = TokenBucket(rate, burst)
        passed = 0
        for pause in pauses:
            clock.now += pause
            passed += bucket.try_acquire()
        assert passed <= burst + rate * (clock.now - 100.0) + 1e-6
