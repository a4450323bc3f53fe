"""Functions, executors and the handler of a session: called as a model calls them."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from posewire.errors import ConfigError, ToolError
from posewire.voice.llm.base import ToolCall
from posewire.voice.tools.base import ToolContext, ToolInfo, ToolOutput
from posewire.voice.tools.builtin import BUILTIN, calculate, get_time
from posewire.voice.tools.device import DeviceExecutor
from posewire.voice.tools.functions import FunctionExecutor, load_functions, tool
from posewire.voice.tools.handler import UnifiedToolHandler
from posewire.voice.tools.manager import MAX_RESULT, ToolManager

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


@tool()
def long() -> str:
    """Return much."""
    return "x" * (MAX_RESULT + 1)


@tool()
async def forever() -> None:
    """Never return."""
    await asyncio.Event().wait()


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


def handler(*extra: Any, device: Lamp | None = None, **options: Any) -> UnifiedToolHandler:
    manager = ToolManager([FunctionExecutor([shout, who, broken, long, forever, joke])], **options)
    return UnifiedToolHandler(manager.joined(DeviceExecutor(device)) if device else manager, CONTEXT)


def request(name: str, number: int = 1, **arguments: Any) -> ToolCall:
    return ToolCall(f"call_{number}", name, json.dumps(arguments))


def test_a_model_is_offered_functions_with_names_that_it_may_write() -> None:
    offered = {tool.name: tool for tool in handler(device=Lamp()).offered()}
    assert set(offered) >= {"self_lamp_set", "who_am_i", "joke"}
    assert offered["self_lamp_set"].schema["required"] == ["level"]
    assert offered["broken"].schema["properties"] == {}
    without = handler().offered()[0]
    assert (without.name, without.description) == ("shout", "Say it louder.")


async def test_a_call_finds_the_tool_behind_the_plain_name() -> None:
    lamp = Lamp()
    replies = await handler(device=lamp).run([request("self_lamp_set", level="3"), request("who_am_i", 2)])
    assert lamp.calls == [("self.lamp.set", {"level": 3})]
    assert [(reply.id, reply.name, reply.text) for reply in replies] == [
        ("call_1", "self.lamp.set", "true"),
        ("call_2", "who.am_i", '{"device": "kitchen"}'),
    ]


async def test_the_devices_own_tool_goes_before_the_hosts_and_may_speak_for_itself() -> None:
    (reply,) = await handler(device=Lamp()).run([request("shout", text="x")])
    assert reply.text == "It is lit."
    assert reply.spoken
    (joke_reply,) = await handler().run([request("joke")])
    assert joke_reply.spoken


async def test_every_failure_is_a_reply_that_a_model_can_read() -> None:
    counters: Counter[str] = Counter()
    replies = await handler(timeout=0.05, counters=counters).run(
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
    replies = await handler(device=lamp).run([request("self_lamp_set", n, level=n) for n in range(30)])
    assert len(replies) == 30
    assert 1 < lamp.most <= 8


async def test_cancelling_cancels_the_calls() -> None:
    running = asyncio.create_task(handler().run([request("forever"), request("forever", 2)]))
    await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(asyncio.all_tasks()) == 1


async def test_long_results_are_cut_and_hidden_tools_are_not_there() -> None:
    (reply,) = await handler(hidden=["who.*"]).run([request("long")])
    assert len(reply.text) < MAX_RESULT + 20
    hidden = handler(hidden=["who.*"])
    assert "who.am_i" not in hidden.available()
    with pytest.raises(ToolError, match="no tool"):
        await hidden.call("who.am_i", {})


async def test_a_plain_function_does_not_hold_up_the_loop() -> None:
    go = threading.Event()

    @tool()
    def wait() -> str:
        """Wait for the loop."""
        return "the loop went on" if go.wait(5) else "held up"

    executor = FunctionExecutor([wait])
    call = asyncio.create_task(executor.call("wait", {}, CONTEXT))
    await asyncio.sleep(0)
    go.set()
    assert (await call).text == "the loop went on"
    executor.close()


def test_a_file_of_ones_own_is_loaded_and_a_bad_one_is_named(tmp_path: Path) -> None:
    good, empty, bad = (tmp_path / name for name in ("good.py", "empty.py", "bad.py"))
    good.write_text(
        "from posewire.voice.tools.functions import tool\n"
        "@tool('feed')\ndef feed(portions: int) -> str:\n    '''Feed the cat.'''\n    return 'fed %d' % portions\n"
    )
    empty.write_text("x = 1\n")
    bad.write_text("import nothing_of_that_name\n")
    executor = FunctionExecutor(load_functions([str(good)]))
    assert executor.available()["feed"].description == "Feed the cat."
    for plugin in (str(empty), str(bad), "no.such.module"):
        with pytest.raises(ConfigError, match=r"plugin .*(empty|bad|no\.such)"):
            load_functions([plugin])
    with pytest.raises(ConfigError, match="two tools named feed"):
        FunctionExecutor([*load_functions([str(good)]), *load_functions([str(good)])])


@pytest.mark.parametrize(
    ("expression", "result"),
    [("(3 + 4) * 2", "14"), ("2^10", "1024"), ("10/4", "2.5"), ("round(sqrt(2)*100)", "141"), ("-7 % 3", "2")],
)
def test_the_calculator_calculates(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "1/0",
        "9**9**9",
        "__import__('os')",
        "(1).real",
        "2**1001**2",
        "a",
        "sqrt(-1)",
        "(-8)**0.5",
        "1 if 1 else 2",
        "(",
    ],
)
def test_the_calculator_refuses_the_rest(expression: str) -> None:
    with pytest.raises(ToolError):
        calculate(expression)


def test_the_clock_knows_zones() -> None:
    assert "UTC" in get_time("UTC")
    for zone in ("Nowhere/Land", "../../etc/passwd"):
        with pytest.raises(ToolError, match="no time zone"):
            get_time(zone)
    assert FunctionExecutor(BUILTIN).available()["get_time"].schema["required"] == []
