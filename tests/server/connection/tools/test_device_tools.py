"""Tools of a device, asked for over its own connection."""

import asyncio
from typing import Any

import pytest

from posewire.errors import ToolError
from posewire.log import EventLog
from posewire.server.connection.tools import device_tools
from posewire.server.connection.tools.device_tools import DeviceToolClient
from posewire.server.host import Host
from posewire.wire.messages import Message
from support.mcp_device import answer
from support.peers import Peers
from support.waiting import eventually

DEVICE = "aa:bb:cc:00:00:01"


async def tools_of(host: Host, count: int) -> DeviceToolClient:
    handler = host.services.registry.device(DEVICE)
    assert handler is not None
    async with asyncio.timeout(5):
        while len(handler.tools.available()) < count:
            await asyncio.sleep(0.01)
    return handler.tools


async def test_all_pages_of_tools_are_listed_and_called(host: Host, peers: Peers) -> None:
    peer = await peers.connect(DEVICE)
    await peer.hello(features={"mcp": True})
    device = asyncio.create_task(answer(peer, [["self.a", "self.b"], ["self.fails", "self.broken"]]))
    tools = await tools_of(host, 4)
    assert list(tools.available()) == ["self.a", "self.b", "self.fails", "self.broken"]
    assert await tools.call("self.b", {"x": 1}) == "done"
    with pytest.raises(ToolError, match="done"):
        await tools.call("self.fails", {})
    with pytest.raises(ToolError, match="it is broken"):
        await tools.call("self.broken", {})
    with pytest.raises(ToolError, match="no tool"):
        await tools.call("self.other", {})
    device.cancel()


async def test_a_call_fails_when_the_device_goes(host: Host, peers: Peers) -> None:
    peer = await peers.connect(DEVICE)
    await peer.hello(features={"mcp": True})
    calls: list[dict[str, Any]] = []
    device = asyncio.create_task(answer(peer, [["self.silent"]], calls))
    tools = await tools_of(host, 1)
    call = asyncio.create_task(tools.call("self.silent", {}))
    await eventually(lambda: bool(calls))
    device.cancel()
    peer.socket.transport.abort()
    with pytest.raises(ToolError, match="disconnected"):
        await call


async def test_answers_nobody_waits_for_are_ignored(peers: Peers) -> None:
    peer = await peers.connect(DEVICE)
    await peer.hello()
    await peer.send(type="mcp", payload={"jsonrpc": "2.0", "id": 99, "result": {}})
    await peer.send(type="mcp", payload={"jsonrpc": "2.0", "method": "notifications/pose", "params": {}})
    await peer.echo()


async def test_legacy_descriptors_become_tools(host: Host, peers: Peers) -> None:
    peer = await peers.connect(DEVICE)
    await peer.hello()
    parameters = {"on": {"type": "boolean", "description": "on or off"}}
    lamp = {"name": "Lamp", "description": "a lamp", "methods": {"Turn": {"description": "", "parameters": parameters}}}
    await peer.send(type="iot", descriptors=[lamp, {"name": "Bare"}])
    tools = await tools_of(host, 1)
    assert list(tools.available()) == ["Lamp_Turn"]
    await tools.call("Lamp_Turn", {"on": True})
    command = (await peer.receive("iot"))["commands"]
    assert command == [{"name": "Lamp", "method": "Turn", "parameters": {"on": True}}]


async def test_legacy_things_answer_to_the_names_that_the_sentences_know(host: Host, peers: Peers) -> None:
    peer = await peers.connect(DEVICE)
    await peer.hello()
    lamp = {"name": "Lamp", "methods": {"TurnOn": {"description": "on", "parameters": {}}, "Odd": 3}}
    speaker = {"name": "Speaker", "methods": {"SetVolume": {"parameters": {"volume_level": {"type": "number"}}}}}
    await peer.send(type="iot", descriptors=[lamp, speaker])
    tools = await tools_of(host, 5)
    assert {"self.led.turn_on", "self.audio_speaker.set_volume"} <= set(tools.available())
    with pytest.raises(ToolError, match="no tool"):
        await tools.call("get_Speaker_volume", {})
    await peer.send(type="iot", states=[{"name": "Speaker", "state": {"volume": 40}}])
    await peer.echo()
    assert await tools.call("get_Speaker_volume", {}) == "40"
    assert await tools.call("self.get_device_status", {}) == '{"Speaker": {"volume": 40}}'
    await tools.call("self.audio_speaker.set_volume", {"volume": 50})
    command = (await peer.receive("iot"))["commands"]
    assert command == [{"name": "Speaker", "method": "SetVolume", "parameters": {"volume_level": 50}}]
    for number in range(8):
        many = {f"m{number}_{method}": {} for method in range(20)}
        await peer.send(type="iot", descriptors=[{"name": f"t{number}", "methods": many}])
    assert (await peer.receive("error"))["code"] == "too_many"


async def test_a_lost_question_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_tools, "LIST_TIMEOUTS", (0.05, 1.0))
    monkeypatch.setattr(device_tools, "_FIRST_PAUSE", 0.01)
    sent: list[Message] = []
    asked = asyncio.Event()

    def send(message: Message) -> None:
        sent.append(message["payload"])
        asked.set()

    tools = DeviceToolClient(send, EventLog())
    tools.preload({})
    discovering = asyncio.create_task(tools.try_discover())
    turn = asyncio.create_task(tools.ready())
    results: list[Message] = [{}, {"tools": [{"name": "self.a"}]}]
    for _ in range(3):
        await asked.wait()
        asked.clear()
        assert not turn.done()
        if len(sent) > 1:  # the first one is lost
            tools.on_mcp({"id": sent[-1]["id"], "result": results.pop(0)})
    assert await discovering
    assert [payload["method"] for payload in sent] == ["initialize", "initialize", "tools/list"]
    assert list(tools.available()) == ["self.a"]
    await turn


async def test_a_refusal_is_not_asked_again_and_a_turn_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Message] = []
    tools = DeviceToolClient(lambda message: sent.append(message["payload"]), EventLog())
    tools.preload({})
    discovering = asyncio.create_task(tools.try_discover())
    await asyncio.sleep(0)
    tools.on_mcp({"id": sent[0]["id"], "error": {"message": "no"}})
    assert not await discovering
    assert len(sent) == 1
    await tools.ready()
    monkeypatch.setattr(device_tools, "READY_WITHIN", 0.02)
    tools.preload({})
    async with asyncio.timeout(5):
        await tools.ready()


async def test_a_call_that_the_device_has_no_room_for_is_refused_at_once_and_costs_nothing(
    host: Host, peers: Peers
) -> None:
    peer = await peers.connect(DEVICE)
    await peer.hello(features={"mcp": True}, device={"max_message": 2560})
    device = asyncio.create_task(answer(peer, [["self.a"]]))
    tools = await tools_of(host, 1)
    async with asyncio.timeout(5):
        for text in ("x" * 2600, "ü" * 1300):
            with pytest.raises(ToolError, match="the device takes 2560 at most"):
                await tools.call("self.a", {"text": text})
        assert await tools.call("self.a", {"text": "x" * 2300}) == "done"
    device.cancel()


async def test_a_device_that_comes_back_has_its_tools_until_it_lists_them_anew(host: Host, peers: Peers) -> None:
    peer = await peers.connect(DEVICE)
    await peer.hello(features={"mcp": True})
    device = asyncio.create_task(answer(peer, [["self.a", "self.b"]]))
    await tools_of(host, 2)
    device.cancel()
    back = await peers.connect(DEVICE)
    await back.hello(features={"mcp": True})
    handler = host.services.registry.device(DEVICE)
    assert handler is not None
    assert set(handler.tools.available()) == {"self.a", "self.b"}
    async with asyncio.timeout(1):
        await handler.all_tools.ready()
    # Another firmware by now: it has lost one.
    device = asyncio.create_task(answer(back, [["self.b"]]))
    async with asyncio.timeout(5):
        while len(handler.tools.available()) > 1:
            await asyncio.sleep(0.01)
    device.cancel()
    plain = await peers.connect(DEVICE)
    await plain.hello()
    handler = host.services.registry.device(DEVICE)
    assert handler is not None
    assert not handler.tools.available(), "it does not speak MCP any more"
