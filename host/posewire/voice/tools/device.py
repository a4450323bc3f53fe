"""A device's own tools as a source of tools."""

from collections.abc import Mapping
from typing import Any

from posewire.voice.tools.base import ToolContext, ToolInfo, ToolOutput, ToolSet
from posewire.wire.json_text import parse_json


class DeviceExecutor:
    """The tools that the connected device lists, over its connection."""

    kind = "device"

    def __init__(self, tools: ToolSet) -> None:
        self._tools = tools

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the device's tools."""
        return self._tools.available()

    async def call(self, name: str, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Call a tool on the device.

        Raises:
            ToolError: see ``ToolSet.call``.
        """
        return output_of(await self._tools.call(name, arguments))


def output_of(text: str) -> ToolOutput:
    """Return a tool's output; stock devices answer ``{"action": …, "response": "…"}`` to have the response spoken."""
    if text.lstrip().startswith("{"):
        try:
            data = parse_json(text)
        except ValueError:
            return ToolOutput(text)
        if isinstance(data, dict) and "action" in data and isinstance(data.get("response"), str) and data["response"]:
            return ToolOutput(data["response"], spoken=True)
    return ToolOutput(text)
