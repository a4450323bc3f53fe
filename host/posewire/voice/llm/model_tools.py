"""The tools as a language model sees them: under plain names, in rounds of calls, failures as answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from posewire.errors import ToolError
from posewire.voice.llm.base import ChatMessage, ChatTool, ToolCall
from posewire.voice.tools.handler import UnifiedToolHandler
from posewire.voice.tools.names import plain_names
from posewire.voice.tools.schema import arguments_from_json

MAX_TOOLS = 128
"""Tools offered to a model at once; services refuse more."""

MAX_PARALLEL = 8
"""Calls of one round that run at the same time; the others wait."""

_MAX_DESCRIPTION = 1024


@dataclass(frozen=True)
class ToolReply:
    """The answer to a model's call."""

    id: str
    name: str
    """The tool's real name."""

    text: str
    spoken: bool = False
    failed: bool = False

    def message(self) -> ChatMessage:
        """Return the entry of the conversation that tells the model."""
        return ChatMessage("tool", self.text, tool_call_id=self.id)


class ModelTools:
    """Offers the tools of a voice session to a model, and carries out its calls."""

    def __init__(self, handler: UnifiedToolHandler) -> None:
        self._handler = handler

    async def ready(self) -> None:
        """Wait until the tools are known, for some seconds at most."""
        await self._handler.ready()

    def offered(self) -> list[ChatTool]:
        """Return the tools for a model, at most 128, under plain names."""
        tools = self._handler.available()
        return [
            ChatTool(
                plain,
                tools[name].description[:_MAX_DESCRIPTION],
                {"type": "object", "properties": {}, **tools[name].schema},
            )
            for plain, name in list(plain_names(tools).items())[:MAX_TOOLS]
        ]

    async def run(self, calls: Sequence[ToolCall]) -> list[ToolReply]:
        """Carry out the calls of one round at the same time; return the replies in the order of the calls.

        A failure is a reply too, for the model to read. Cancelling cancels all calls.
        """
        names = plain_names(self._handler.available())
        running = asyncio.Semaphore(MAX_PARALLEL)

        async def one(call: ToolCall) -> ToolReply:
            async with running:
                return await self._reply(call, names.get(call.name, call.name))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(call)) for call in calls]
        return [task.result() for task in tasks]

    async def _reply(self, call: ToolCall, name: str) -> ToolReply:
        try:
            output = await self._handler.run(name, arguments_from_json(call.arguments))
        except ToolError as exc:
            return ToolReply(call.id, name, f"Error: {exc}", failed=True)
        return ToolReply(call.id, name, output.text, output.spoken)
