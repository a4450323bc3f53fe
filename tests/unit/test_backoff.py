"""Pauses between attempts."""

import random

from hypothesis import given
from hypothesis import strategies as st

from posewire.backoff import Backoff


@given(st.floats(0.01, 10), st.floats(10, 1000), st.integers(0, 3000), st.integers())
def test_a_pause_is_between_half_and_all_of_a_doubling_length(
    first: float, longest: float, failures: int, seed: int
) -> None:
    backoff = Backoff(first, longest, random.Random(seed))
    for number in range(min(failures, 20)):
        nominal = min(longest, first * 2**number)
        assert nominal / 2 <= backoff.next_pause() <= nominal
    backoff.failures = failures
    assert backoff.next_pause() <= longest


def test_a_success_starts_again_with_the_first_pause() -> None:
    backoff = Backoff(1.0, 60.0)
    for _ in range(10):
        backoff.next_pause()
    assert backoff.failures == 10
    backoff.reset()
    assert backoff.next_pause() <= 1.0
    assert backoff.failures == 1
