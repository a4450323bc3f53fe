"""The share that one peer, or one address, can use up: never all there is."""

import pytest

from posewire.errors import WireError
from posewire.identity.identities import Identities
from posewire.identity.stored import MAX_CODES, MAX_CODES_OF_ADDRESS
from posewire.identity.tables import STORED
from posewire.rooms.settings import RoomSettings
from posewire.server.connection.resumable_state import ResumableState
from posewire.server.connection.resumption import SessionResumption
from posewire.server.rate_limit import FailureLimit
from posewire.server.state import shared_states
from posewire.server.state.shared_states import device_state
from posewire.store import MEMORY, Store
from server.connection.wired import Parts, Wire


def change(wire: Wire, name: str, value: str) -> None:
    wire.send(type="state", action="get", name=name)
    base = wire.messages("state")[-1]["version"]
    wire.send(type="state", action="patch", name=name, base=base, changes={"x": value})


async def test_sessions_that_are_kept_are_of_many_addresses(parts: Parts) -> None:
    resumption = SessionResumption(parts.registry, parts.rooms, parts.states, lambda: (5, 2))
    for number in range(4):
        resumption.keep(f"a{number}", ResumableState(f"a{number}", address="192.0.2.1"), 60.0)
    assert [name for name, _, _ in resumption.kept()] == ["a2", "a3"]
    for number in range(4):
        # This machine's, or a proxy's: only the total counts.
        resumption.keep(f"b{number}", ResumableState(f"b{number}"), 60.0)
    assert [name for name, _, _ in resumption.kept()] == ["a3", "b0", "b1", "b2", "b3"]
    assert resumption.count == 5


async def test_departed_ids_leave_nothing_for_ever(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.resumption, "_limits", lambda: (100, 3))
    for number in range(10):
        wire = parts.greeted(f"board{number}")
        change(wire, device_state(f"board{number}"), "x" * 20_000)
        wire.lose()
    assert parts.resumption.count == 3
    assert 3 * 20_000 < parts.states.held_bytes < 3 * 50_000


async def test_all_states_together_are_bounded_by_bytes(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_states, "MAX_TOTAL_BYTES", 100_000)
    codes = []
    for number in range(10):
        wire = parts.greeted(f"board{number}")
        change(wire, device_state(f"board{number}"), "x" * 20_000)
        codes += wire.codes()
    assert codes == ["too_many"] * 8
    assert parts.states.held_bytes <= 100_000
    # Nothing of a refused change is there, and a smaller state is possible again.
    change(wire, device_state("board9"), "small")
    assert parts.states.value(device_state("board9")) == {"x": "small"}


async def test_a_state_without_an_owner_is_not_made(parts: Parts) -> None:
    wire = parts.greeted()
    for name in ("device:gone", "room:gone"):
        wire.send(type="state", action="patch", name=name, base=0, changes={"x": 1})
        assert wire.codes() == ["not_found"]
    assert parts.states.held_bytes == 0


async def test_one_session_follows_so_many_states(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_states, "MAX_SUBSCRIPTIONS", 5)
    wire = parts.greeted()
    for number in range(7):
        wire.send(type="state", action="subscribe", name=f"device:{number}")
    assert wire.codes() == ["too_many"] * 2


async def test_one_address_creates_half_of_the_rooms(parts: Parts) -> None:
    parts.rooms.change_settings(RoomSettings(max_rooms=4))
    wires = [parts.greeted(f"board{number}") for number in range(4)]
    for number, wire in enumerate(wires):
        wire.send(type="room", action="join", room=f"room{number}")
    assert [wire.codes() for wire in wires] == [[], [], ["too_many"], ["too_many"]]
    # Rooms that are there can be joined.
    wires[3].send(type="room", action="join", room="room0")
    assert wires[3].codes() == []


async def test_the_metric_shows_tools_and_states(parts: Parts) -> None:
    wire = parts.greeted()
    assert wire.handler.held_bytes == 0
    wire.send(type="iot", descriptors=[{"name": "Lamp", "methods": {"On": {"description": "x" * 10_000}}}])
    tools = wire.handler.held_bytes
    assert tools >= 10_000
    change(wire, device_state("board"), "x" * 20_000)
    assert wire.handler.held_bytes >= tools + 40_000  # the state, and the patch to it


async def test_connections_of_an_ipv6_network_are_one_peers(parts: Parts) -> None:
    registry = parts.registry
    registry.opened("2001:db8::1")
    registry.opened("2001:db8::2")
    assert registry.at("2001:db8::ffff") == 2
    registry.closed("2001:db8::1")
    registry.closed("2001:db8::2")
    assert registry.at("2001:db8::1") == 0


def test_wrong_tokens_of_an_ipv6_network_are_one_peers() -> None:
    def wrong() -> None:
        raise WireError("no", "unauthorized")

    limit = FailureLimit(3)
    for number in range(3):
        with pytest.raises(WireError, match="no"):
            limit.attempt(f"2001:db8::{number}", wrong)
    with pytest.raises(WireError) as caught:
        limit.attempt("2001:db8::ffff", lambda: None)
    assert caught.value.code == "too_many"
    limit.attempt("2001:db8:0:1::1", lambda: None)


async def test_one_address_has_a_share_of_the_pairing_codes() -> None:
    identities = Identities(Store(MEMORY, STORED))

    async def ask(count: int, address: str) -> int:
        got = 0
        for number in range(count):
            try:
                await identities.want_pairing(f"{address}-{number}", "client", "", address)
            except WireError as error:
                assert error.code == "too_many"
            else:
                got += 1
        return got

    assert await ask(MAX_CODES_OF_ADDRESS + 20, "192.0.2.1") == MAX_CODES_OF_ADDRESS
    network = [await ask(MAX_CODES_OF_ADDRESS // 2, f"2001:db8::{number}") for number in range(3)]
    assert sum(network) == MAX_CODES_OF_ADDRESS
    assert await ask(MAX_CODES, "127.0.0.1") == MAX_CODES - 2 * MAX_CODES_OF_ADDRESS
