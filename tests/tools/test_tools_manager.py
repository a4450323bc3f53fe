"""All sources of tools as one: results are bounded, hidden tools are not available."""

import pytest

from posewire.errors import ToolError
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.functions import FunctionExecutor, tool
from posewire.voice.tools.manager import MAX_RESULT, ToolManager

CONTEXT = ToolContext(device="kitchen")


@tool("some.long")
def long() -> str:
    """Return much."""
    return "x" * (MAX_RESULT + 1)


async def test_long_results_are_cut() -> None:
    output = await ToolManager([FunctionExecutor([long])]).call("some.long", {}, CONTEXT)
    assert MAX_RESULT <= len(output.text) < MAX_RESULT + 20


async def test_hidden_tools_are_not_available() -> None:
    manager = ToolManager([FunctionExecutor([long])], hidden=["some.*"])
    assert "some.long" not in manager.available()
    with pytest.raises(ToolError, match="no tool"):
        await manager.call("some.long", {}, CONTEXT)
