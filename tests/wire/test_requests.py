"""Messages of a peer besides hello, voice and rooms: read with bounds, or refused with a code."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import WireError
from posewire.wire.requests import (
    IotMethod,
    parse_abort,
    parse_device_error,
    parse_iot,
    parse_mcp,
    parse_ping,
    parse_server,
    parse_state,
)

PARSERS: tuple[Callable[[dict[str, Any]], object], ...] = (
    parse_abort, parse_ping, parse_device_error, parse_mcp, parse_iot, parse_server, parse_state,
)  # fmt: skip
NAMES = (
    "reason", "id", "code", "message", "payload", "method", "descriptors", "states", "name", "methods", "parameters",
    "description", "state", "content", "secret", "action", "version", "base", "patch", "changes",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
ACTIONS = st.sampled_from(["restart", "update_config", "subscribe", "unsubscribe", "get", "patch"])
MESSAGES = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6)


@given(MESSAGES, ACTIONS)
def test_any_object_is_read_or_refused(message: dict[str, Any], action: str) -> None:
    for wanted in (message, {**message, "action": action}):
        for parse in PARSERS:
            try:
                parse(wanted)
            except WireError as error:
                assert error.code
                assert str(error)


@pytest.mark.parametrize("given_id", [None, 0, -(2**70), "", "x" * 64])
def test_the_id_of_a_ping_comes_back_as_it_was(given_id: object) -> None:
    found = parse_ping({"type": "ping", "id": given_id}).id
    assert found == given_id
    assert type(found) is type(given_id)


@pytest.mark.parametrize("given_id", [True, 1.5, "x" * 65, 10**64, [], {}])
def test_another_id_of_a_ping_is_refused(given_id: object) -> None:
    with pytest.raises(WireError, match="64 characters"):
        parse_ping({"type": "ping", "id": given_id})


def test_what_a_device_says_of_itself_has_bounds() -> None:
    error = parse_device_error({"type": "error", "code": "c" * 1000, "message": "m" * 1000})
    assert (len(error.code), len(error.message)) == (40, 200)
    assert len(parse_abort({"type": "abort", "reason": "r" * 1000}).reason) == 40


@pytest.mark.parametrize(
    ("payload", "understood"),
    [
        ({"id": 1, "result": {}}, True),
        ({"method": "tools/list"}, True),
        ({"id": True}, False),
        ({"id": "1"}, False),
        ({}, False),
        ([], False),
    ],
)
def test_a_json_rpc_object_is_a_request_or_an_answer(payload: Any, understood: bool) -> None:
    message = {"type": "mcp", "payload": payload}
    if understood:
        assert parse_mcp(message).payload == payload
    else:
        with pytest.raises(WireError):
            parse_mcp(message)


def test_things_and_their_states() -> None:
    lamp = {"name": "Lamp", "methods": {"Dim": {"description": "Dim it", "parameters": {"to": {}}}, "Off": "?"}}
    read = parse_iot({"type": "iot", "descriptors": [lamp], "states": [{"name": "Lamp", "state": {"on": True}}]})
    assert read.methods == (IotMethod("Lamp", "Dim", "Dim it", {"to": {}}), IotMethod("Lamp", "Off", "", {}))
    assert read.states == {"Lamp": {"on": True}}
    assert parse_iot({"type": "iot", "descriptors": [lamp]}).states is None


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({}, "descriptors"),
        ({"descriptors": [{}]}, '"name"'),
        ({"states": ["Lamp"]}, "list of objects"),
        ({"descriptors": [{"name": "x"}] * 65}, "at most 64 things"),
        ({"descriptors": [{"name": "x", "methods": {str(number): {} for number in range(65)}}]}, "at most 64 methods"),
    ],
)
def test_other_things_are_refused(message: Mapping[str, Any], words: str) -> None:
    with pytest.raises(WireError, match=words):
        parse_iot({"type": "iot", **message})


def test_an_order_to_the_host_may_bring_a_secret() -> None:
    order = parse_server({"type": "server", "action": "restart", "content": {"secret": "s"}})
    assert (order.action, order.secret) == ("restart", "s")
    assert parse_server({"type": "server", "action": "update_config"}).secret == ""
    with pytest.raises(WireError, match="restart or update_config"):
        parse_server({"type": "server", "action": "explode"})


def test_requests_for_a_state() -> None:
    assert parse_state({"type": "state", "action": "subscribe", "name": "x", "version": 7}).version == 7
    # From no version on: the whole.
    assert parse_state({"type": "state", "action": "subscribe", "name": "x"}).version is None
    patch = parse_state(
        {"type": "state", "action": "patch", "name": "x", "base": 3, "patch": "p" * 99, "changes": {"a": None}}
    )
    assert (patch.base, len(patch.patch_id), patch.changes) == (3, 64, {"a": None})
    assert parse_state({"type": "state", "action": "patch", "name": "x", "changes": {}}).base is None


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"action": "get", "name": ""}, "1 to 100"),
        ({"action": "get", "name": "x" * 101}, "1 to 100"),
        ({"action": "get", "name": "a\nb"}, "1 to 100"),
        ({"action": "patch", "name": "x", "base": "1", "changes": {}}, '"base"'),
        ({"action": "patch", "name": "x", "base": 1}, '"changes"'),
        ({"action": "set", "name": "x"}, "must be subscribe"),
    ],
)
def test_other_requests_for_a_state_are_refused(message: Mapping[str, Any], words: str) -> None:
    with pytest.raises(WireError, match=words):
        parse_state({"type": "state", **message})
