"""Tools called as a model calls them: under plain names, in rounds, failures as replies."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from posewire.voice.llm.base import ToolCall
from posewire.voice.llm.model_tools import ModelTools
from posewire.voice.tools.base import ToolContext, ToolInfo, ToolOutput
from posewire.voice.tools.device import DeviceExecutor
from posewire.voice.tools.functions import FunctionExecutor, tool
from posewire.voice.tools.handler import UnifiedToolHandler
from posewire.voice.tools.manager import ToolManager
from support.waiting import eventually

CONTEXT = ToolContext(device="kitchen")


@tool()
def shout(text: str, times: int = 1) -> str:
    """Say it louder.

    Not part of the description.
    """
    return text.upper() * times


@tool("who.am_i")
async def who(context: ToolContext) -> Mapping[str, str]:
    """Tell the device."""
    return {"device": context.device}


@tool()
def broken() -> None:
    """Fail."""
    raise RuntimeError("no luck")


running: list[str] = []


@tool()
async def forever() -> None:
    """Never return."""
    running.append("forever")
    try:
        await asyncio.Event().wait()
    finally:
        running.clear()


@tool()
def joke() -> ToolOutput:
    """Tell a joke, as it is."""
    return ToolOutput("Knock knock.", spoken=True)


class Lamp:
    """A device with two tools."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, object]]] = []
        self.together = 0
        self.most = 0

    def available(self) -> Mapping[str, ToolInfo]:
        level = {"type": "object", "properties": {"level": {"type": "integer"}}, "required": ["level"]}
        return {"self.lamp.set": ToolInfo("Set the lamp", level), "shout": ToolInfo("the device's own")}

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        self.calls.append((name, arguments))
        self.together += 1
        self.most = max(self.most, self.together)
        await asyncio.sleep(0.01)
        self.together -= 1
        return '{"action": "RESPONSE", "response": "It is lit."}' if name == "shout" else "true"


def tools(device: Lamp | None = None, **options: Any) -> ModelTools:
    manager = ToolManager([FunctionExecutor([shout, who, broken, forever, joke])], **options)
    if device is not None:
        manager = manager.joined(DeviceExecutor(device))
    return ModelTools(UnifiedToolHandler(manager, CONTEXT))


def request(name: str, number: int = 1, **arguments: Any) -> ToolCall:
    return ToolCall(f"call_{number}", name, json.dumps(arguments))


def test_a_model_is_offered_functions_with_names_that_it_may_write() -> None:
    offered = {tool.name: tool for tool in tools(device=Lamp()).offered()}
    assert set(offered) >= {"self_lamp_set", "who_am_i", "joke"}
    assert offered["self_lamp_set"].schema["required"] == ["level"]
    assert offered["broken"].schema["properties"] == {}
    without = tools().offered()[0]
    assert (without.name, without.description) == ("shout", "Say it louder.")


async def test_a_call_finds_the_tool_behind_the_plain_name() -> None:
    lamp = Lamp()
    replies = await tools(device=lamp).run([request("self_lamp_set", level="3"), request("who_am_i", 2)])
    assert lamp.calls == [("self.lamp.set", {"level": 3})]
    assert [(reply.id, reply.name, reply.text) for reply in replies] == [
        ("call_1", "self.lamp.set", "true"),
        ("call_2", "who.am_i", '{"device": "kitchen"}'),
    ]


async def test_the_devices_own_tool_goes_before_the_hosts_and_may_speak_for_itself() -> None:
    (reply,) = await tools(device=Lamp()).run([request("shout", text="x")])
    assert reply.text == "It is lit."
    assert reply.spoken
    (joke_reply,) = await tools().run([request("joke")])
    assert joke_reply.spoken


async def test_every_failure_is_a_reply_that_a_model_can_read() -> None:
    counters: Counter[str] = Counter()
    replies = await tools(timeout=0.05, counters=counters).run(
        [
            request("nothing"),
            request("shout", times=2),
            request("broken"),
            request("forever"),
            ToolCall("5", "shout", "not json"),
            request("shout", 6, text="a"),
        ]
    )
    wanted = ["no tool nothing", "'text' is a required", "RuntimeError: no luck", "within", "not JSON", "A"]
    assert all(text in reply.text for text, reply in zip(wanted, replies, strict=True))
    assert [reply.failed for reply in replies] == [True] * 5 + [False]
    assert counters == {"tools_failed": 4, "tools_called": 1}


async def test_calls_of_a_round_run_at_once_but_not_without_bound() -> None:
    lamp = Lamp()
    replies = await tools(device=lamp).run([request("self_lamp_set", n, level=n) for n in range(30)])
    assert len(replies) == 30
    assert 1 < lamp.most <= 8


async def test_cancelling_cancels_the_calls() -> None:
    calls = asyncio.create_task(tools().run([request("forever"), request("forever", 2)]))
    await eventually(lambda: len(running) == 2)
    calls.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calls
    assert not running
    assert len(asyncio.all_tasks()) == 1
