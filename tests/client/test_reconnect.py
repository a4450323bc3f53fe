"""When to try again, and when to give up."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.client.reconnect import NO_RECONNECT, ExponentialBackoff, FixedDelay, ReconnectPolicy, policy_of
from posewire.errors import ConfigError


@given(st.integers(1, 5000), st.integers(0, 2**32 - 1))
def test_the_pause_doubles_up_to_a_limit_with_full_jitter(attempt: int, seed: int) -> None:
    strategy = ExponentialBackoff(0.1, 1.5, random.Random(seed))
    assert 0 <= strategy(attempt) <= min(1.5, 0.1 * 2 ** min(attempt - 1, 10))


def test_jitter_uses_the_whole_length() -> None:
    strategy = ExponentialBackoff(1.0, 1.0, random.Random(1))
    pauses = [strategy(1) for _ in range(1000)]
    assert min(pauses) < 0.05
    assert max(pauses) > 0.95


def test_attempts_and_time_are_limited() -> None:
    policy = ReconnectPolicy(FixedDelay(2.0), attempts=3, total_s=10)
    assert policy.pause(3, 0.0) == 2.0
    assert policy.pause(4, 0.0) is None
    assert policy.pause(1, 8.0) == 2.0
    assert policy.pause(1, 8.1) is None


def test_a_strategy_of_ones_own() -> None:
    policy = ReconnectPolicy(lambda attempt: attempt * 0.5 if attempt < 3 else None)
    assert [policy.pause(attempt, 0.0) for attempt in (1, 2, 3)] == [0.5, 1.0, None]
    assert NO_RECONNECT.pause(1, 0.0) is None


def test_a_strategy_alone_is_a_policy_without_limits() -> None:
    assert policy_of(FixedDelay(2.0)) == ReconnectPolicy(FixedDelay(2.0))
    assert policy_of(NO_RECONNECT) is NO_RECONNECT
    assert policy_of(None).attempts == 0
    with pytest.raises(ConfigError, match="must be a ReconnectPolicy, or a strategy"):
        policy_of(5)  # type: ignore[arg-type]
