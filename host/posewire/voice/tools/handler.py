"""The tools of one session, for whoever drives the turn: by real names for commands, by plain names for a model."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from posewire.errors import ToolError
from posewire.voice.llm.base import ChatMessage, ChatTool, ToolCall
from posewire.voice.tools.base import ToolContext, ToolInfo
from posewire.voice.tools.manager import ToolManager
from posewire.voice.tools.names import plain_names
from posewire.voice.tools.schema import arguments_from_json

MAX_TOOLS = 128
"""Tools offered to a model at once; services refuse more."""

MAX_PARALLEL = 8
"""Calls of one round that run at the same time; more of them wait."""

_MAX_DESCRIPTION = 1024


@dataclass(frozen=True)
class ToolReply:
    """What came of a model's call."""

    id: str
    name: str
    """The tool's real name."""

    text: str
    spoken: bool = False
    failed: bool = False

    def message(self) -> ChatMessage:
        """Return the entry of the conversation that tells the model."""
        return ChatMessage("tool", self.text, tool_call_id=self.id)


class UnifiedToolHandler:
    """Made for each session; a ``DeviceTools`` for commands, and the functions of a model."""

    def __init__(self, manager: ToolManager, context: ToolContext) -> None:
        self.manager = manager
        self._context = context

    def available(self) -> Mapping[str, ToolInfo]:
        """Return all tools by their real names."""
        return self.manager.available()

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a tool by its real name and return its text.

        Raises:
            ToolError: see ``ToolManager.call``.
        """
        return (await self.manager.call(name, arguments, self._context)).text

    def offered(self) -> list[ChatTool]:
        """Return the tools for a model, at most 128, under plain names."""
        tools = self.manager.available()
        return [
            ChatTool(
                plain,
                tools[name].description[:_MAX_DESCRIPTION],
                {"type": "object", "properties": {}, **tools[name].schema},
            )
            for plain, name in list(plain_names(tools).items())[:MAX_TOOLS]
        ]

    async def run(self, calls: Sequence[ToolCall]) -> list[ToolReply]:
        """Carry out the calls of one round at the same time; replies in the order of the calls.

        A failure is a reply too, for the model to read. Cancelling cancels all of them.
        """
        names = plain_names(self.manager.available())
        slots = asyncio.Semaphore(MAX_PARALLEL)

        async def one(call: ToolCall) -> ToolReply:
            async with slots:
                return await self._reply(call, names.get(call.name, call.name))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(call)) for call in calls]
        return [task.result() for task in tasks]

    async def _reply(self, call: ToolCall, name: str) -> ToolReply:
        try:
            output = await self.manager.call(name, arguments_from_json(call.arguments), self._context)
        except ToolError as exc:
            return ToolReply(call.id, name, f"Error: {exc}", failed=True)
        return ToolReply(call.id, name, output.text, output.spoken)
