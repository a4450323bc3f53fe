"""The limits on connections that have not sent a request."""

from collections import Counter

import pytest

from posewire.server.transport import openings as module
from posewire.server.transport.openings import MAX_BYTES, RESERVED, Openings


class Waiting:
    def __init__(self) -> None:
        self.cut = False

    def abort(self) -> None:
        self.cut = True


def waiting(openings: Openings, *addresses: str) -> list[Waiting]:
    made = [Waiting() for _ in addresses]
    for one, address in zip(made, addresses, strict=True):
        assert openings.add(one, address)
    return made


def cut(many: list[Waiting]) -> list[int]:
    return [number for number, one in enumerate(many) if one.cut]


def test_beyond_the_limit_the_oldest_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    counters: Counter[str] = Counter()
    openings = Openings(counters=counters)
    many = waiting(openings, *(f"192.0.2.{number}" for number in range(5)))
    assert cut(many) == [0, 1]
    assert (len(openings), counters["openings_cut"]) == (3, 2)


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["192.0.2.1"] * 4, [0, 1]),
        (["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3", "192.0.2.1"], [0]),
        # All addresses of an IPv6 network are one peer's.
        ([f"2001:db8:1:2::{number}" for number in range(1, 5)], [0, 1]),
        ([f"2001:db8:1:{number}::1" for number in range(1, 5)], []),
        (["127.0.0.1"] * 4, []),
    ],
)
def test_one_address_has_its_share(addresses: list[str], expected: list[int]) -> None:
    assert cut(waiting(Openings(lambda: 2), *addresses)) == expected


def test_tls_that_has_begun_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TLS", 2)
    openings = Openings()
    many = waiting(openings, *["192.0.2.1"] * 5)
    for one in many[1:]:
        openings.begin_tls(one)
    assert cut(many) == [1, 2]
    assert len(openings) == 3


def test_incomplete_requests_are_bounded_by_bytes() -> None:
    openings = Openings()
    many = waiting(openings, *["192.0.2.1"] * 3)
    for one in many:
        openings.received(one, MAX_BYTES // 3)
    assert cut(many) == []
    openings.received(many[0], 10)
    # The one that has been still for longest makes room.
    assert cut(many) == [1]
    openings.remove(many[2])
    openings.received(many[0], MAX_BYTES // 2)
    assert cut(many) == [1]


def test_what_is_gone_is_forgotten() -> None:
    openings = Openings(lambda: 2)
    many = waiting(openings, "192.0.2.1", "192.0.2.1")
    for one in many:
        openings.begin_tls(one)
        openings.received(one, 5)
        openings.remove(one)
        openings.remove(one)
    assert len(openings) == 0
    assert vars(openings)["_of_address"] == vars(openings)["_tls"] == vars(openings)["_bytes"] == {}
    assert vars(openings)["_total_bytes"] == 0


def test_the_last_descriptors_are_kept() -> None:
    openings = Openings(descriptors=1024)
    assert openings.add(Waiting(), "192.0.2.1", 1023 - RESERVED)
    assert not openings.add(Waiting(), "192.0.2.1", 1024 - RESERVED)
    assert Openings().add(Waiting(), "192.0.2.1", 10**6)
    assert len(openings) == 1
