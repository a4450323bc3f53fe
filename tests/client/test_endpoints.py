"""Addresses that stand in for each other."""

import random
from collections import Counter

import pytest

from posewire.client.endpoints import Endpoint, Endpoints, read_endpoints
from posewire.errors import ConfigError

A, B, C = (f"ws://{name}/" for name in "abc")


def urls(endpoints: Endpoints) -> list[str]:
    return [endpoint.url for endpoint in endpoints.round()]


def test_each_comes_once_and_the_first_by_weight() -> None:
    endpoints = Endpoints([Endpoint(A, 3), Endpoint(B, 1), Endpoint(C, 0)], random.Random(1))
    rounds = [urls(endpoints) for _ in range(2000)]
    assert all(sorted(found) == [A, B, C] and found[2] == C for found in rounds)
    assert 0.72 < Counter(found[0] for found in rounds)[A] / 2000 < 0.78


def test_what_failed_comes_last_longest_ago_first() -> None:
    endpoints = read_endpoints([A, B, C])
    for endpoint in endpoints.all[:2]:
        endpoint.failed(OSError("no"))
    assert urls(endpoints) == [C, A, B]
    endpoints.all[0].succeeded()
    assert urls(endpoints)[2] == B
    assert endpoints.all[1].as_dict() == {
        "url": B, "weight": 1.0, "attempts": 0, "failures": 1, "connected_s": 0.0, "last_error": "no",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "needs the URL"),
        ([A, A], "must not be given twice"),
        ("http://a/", "must begin with ws:// or wss://"),
    ],
)
def test_addresses_that_make_no_sense(given: list[str] | str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_endpoints(given)
    with pytest.raises(ConfigError, match="0 or more"):
        Endpoint(A, -1)
