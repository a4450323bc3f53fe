"""Messages of any shape: a peer is told what is wrong with one, and that is all that happens."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewire.errors import ToolError, WireError
from posewire.log import EventLog
from posewire.server.connection.tools.device_tools import MAX_TOOLS, DeviceToolClient
from posewire.server.connection.tools.iot_things import MAX_TOOL_BYTES
from posewire.server.messages.catalog import MESSAGES
from posewire.server.state.shared_states import device_state
from posewire.wire.messages import parse_hello, parse_listen
from posewire.wire.requests import (
    parse_abort,
    parse_device_error,
    parse_iot,
    parse_mcp,
    parse_ping,
    parse_server,
    parse_state,
)
from posewire.wire.room_actions import parse_room
from server.connection.wired import Parts
from support.json_values import deep, json_objects, json_values

PARSERS = (
    parse_hello, parse_listen, parse_room, parse_abort, parse_device_error, parse_iot, parse_mcp, parse_ping,
    parse_server, parse_state,
)  # fmt: skip
NAMES = (
    "version", "audio_params", "features", "device", "resume", "format", "sample_rate", "codecs", "channels",
    "frame_duration", "state", "mode", "text", "action", "room", "publish", "subscribe", "kind", "member_id", "frames",
    "payload", "method", "params", "id", "result", "error", "descriptors", "states", "methods", "parameters", "name",
    "description", "content", "secret", "base", "patch", "changes", "event", "data", "crash", "started", "board", "mcp",
)  # fmt: skip
WORDS = (
    "start", "stop", "detect", "auto", "join", "create", "leave", "subscribe", "lock", "kick", "role", "replay", "list",
    "patch", "get", "unsubscribe", "device:board", "room:studio", "host", "restart", "pose", "audio", "opus", "state",
    "notifications/event", "initialize", "want", "committed", "failed", "update_config",
)  # fmt: skip
OBJECTS = json_objects(*NAMES, words=WORDS)


@given(OBJECTS)
def test_a_parser_returns_or_raises_a_wire_error(message: dict[str, Any]) -> None:
    for parse in PARSERS:
        try:
            parse({"type": "x", **message})
        except WireError:
            continue


@given(st.lists(st.tuples(st.sampled_from(sorted(MESSAGES)), OBJECTS), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_no_message_is_an_internal_error(messages: list[tuple[str, dict[str, Any]]]) -> None:
    async def run() -> None:
        parts = Parts()
        wire = parts.greeted()
        wire.handler.room.join(parse_room({"type": "room", "action": "join", "room": "studio"}))
        for kind, message in messages:
            wire.send_text(json.dumps({**message, "type": kind}))
            assert "internal" not in wire.codes()
        await asyncio.sleep(0)
        assert parts.counters["internal_errors"] == 0
        await parts.close()

    asyncio.run(run())


@pytest.mark.parametrize("message", ['{"type":"state","action":"patch","name":"device:board","base":%d,"changes":%s}'])
@pytest.mark.parametrize("levels", [62, 63, 970, 20_000])
async def test_a_state_is_changed_whole_or_not_at_all(parts: Parts, message: str, levels: int) -> None:
    wire = parts.greeted()
    state = parts.states.get(device_state("board"))
    state.set({"was": 1})
    base = state.version
    wire.send_text(message % (base, f'{{"a":{deep(levels)}}}'))
    codes = wire.codes()
    assert codes == ([] if levels == 62 else ["bad_json"])
    assert (state.version, "a" in state.value) == ((base + 1, True) if levels == 62 else (base, False))


async def test_things_change_whole_or_not_at_all(parts: Parts) -> None:
    wire = parts.greeted()
    states = [{"name": "Lamp", "state": {f"key{number}": 1 for number in range(200)}}]
    wire.send(type="iot", descriptors=[{"name": "Fan", "methods": {"On": {}}}], states=states)
    assert wire.codes() == ["too_many"]
    assert wire.handler.tools.available() == {}
    assert parts.states.value(device_state("board")) == {}


# --- what a device answers


class Device:
    """The other end of a ``DeviceToolClient``: it answers each request at once."""

    def __init__(self, *results: Any, last: Any = None) -> None:
        self.client = DeviceToolClient(self._send, EventLog())
        self.requests: list[Mapping[str, Any]] = []
        self._results = list(results)
        self._last = last

    def _send(self, message: Mapping[str, Any]) -> None:
        payload = message["payload"]
        self.requests.append(payload)
        result = {} if payload["method"] == "initialize" else self._results.pop(0) if self._results else self._last
        self.client.on_mcp({"jsonrpc": "2.0", "id": payload["id"], "result": result})


def page(*names: str, cursor: Any = None, text: str = "") -> dict[str, Any]:
    return {"tools": [{"name": name, "description": text} for name in names], "nextCursor": cursor}


RESULTS = json_objects(
    "tools", "nextCursor", "name", "description", "inputSchema", "content", "type", "text", "isError"
)


@given(
    st.lists(RESULTS | json_values("tools", "content"), max_size=4), json_values("content", "type", "text", "isError")
)
@settings(deadline=None)
def test_any_answer_of_a_device_is_one_or_a_tool_error(pages: list[Any], answer: Any) -> None:
    async def run() -> None:
        device = Device(*pages, page("self.a"), last=answer)
        for ask in (device.client.discover(), device.client.call("self.a", {})):
            try:
                await ask
            except ToolError:
                continue
        assert all(isinstance(info.schema, dict) for info in device.client.available().values())

    asyncio.run(run())


@pytest.mark.parametrize("result", [{"tools": None}, {"tools": [None, "x", {"name": None}]}, {"tools": {"a": 1}}, {}])
async def test_a_list_of_no_sensible_shape_is_empty(result: Any) -> None:
    device = Device(result)
    await device.client.discover()
    assert device.client.available() == {}


@pytest.mark.parametrize("content", [None, "x", [None], [{"type": "text", "text": None}], {"a": 1}])
async def test_a_result_of_no_sensible_shape_is_empty(content: Any) -> None:
    device = Device(page("self.a"), last={"content": content})
    await device.client.discover()
    assert await device.client.call("self.a", {}) == ""


async def test_a_cursor_may_be_a_number_and_pages_may_be_many() -> None:
    device = Device(*(page(f"self.t{number}", cursor=number + 1 if number < 99 else None) for number in range(100)))
    await device.client.discover()
    assert len(device.client.available()) == 100
    assert device.requests[2]["params"] == {"cursor": 1}


@pytest.mark.parametrize("cursor", ["again", 7])
async def test_a_list_without_end_is_cut_and_reported(cursor: Any, caplog: pytest.LogCaptureFixture) -> None:
    device = Device(last=page("self.a", cursor=cursor))
    async with asyncio.timeout(5):
        await device.client.discover()
    assert list(device.client.available()) == ["self.a"]
    assert "tools_left_out" in caplog.text


async def test_the_list_is_bounded_by_bytes_and_by_number(caplog: pytest.LogCaptureFixture) -> None:
    device = Device(*(page(f"self.t{number}", cursor="next", text="x" * 30_000) for number in range(20)))
    await device.client.discover()
    assert 200_000 < device.client.held_bytes <= MAX_TOOL_BYTES
    assert "tools_left_out" in caplog.text
    device = Device(page(*(f"self.t{number}" for number in range(500))))
    await device.client.discover()
    assert len(device.client.available()) == MAX_TOOLS
    # A list that is read again takes nothing more.
    before = device.client.held_bytes
    device = Device(page("self.a", text="x"), page("self.a", text="y"))
    await device.client.discover()
    size = device.client.held_bytes
    await device.client.discover()
    assert device.client.held_bytes == size < before


# --- the log


@pytest.mark.parametrize(
    "message",
    [
        {"type": "error", "code": "x", "message": "y"},
        {"type": "event", "name": "x"},
        {"type": "abort"},
        {"type": "listen", "state": "start"},
        {"type": "mcp", "payload": {"method": "notifications/event", "params": {"name": "x"}}},
        {"type": "telemetry", "started": True},
        {"type": "telemetry", "crash": "x"},
        {"type": "room", "action": "join", "room": "studio"},
        {"type": "room", "action": "leave"},
        {"type": "nonsense"},
    ],
)
async def test_a_flood_of_messages_is_a_few_lines(
    parts: Parts, message: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    wire = parts.greeted()
    before = len(caplog.records)
    for number in range(90):
        # Different each time, as a flood may well be.
        wire.send(**{key: f"{value}{number}" if key in ("code", "name") else value for key, value in message.items()})
    assert len(caplog.records) - before <= 20
