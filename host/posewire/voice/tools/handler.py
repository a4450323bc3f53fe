"""The tools of one session, for whoever drives the turn: by real names for commands, by plain names for a model."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posewire.errors import ToolError
from posewire.voice.tools import ToolContext, ToolInfo
from posewire.voice.tools.manager import ToolManager
from posewire.voice.tools.names import plain_names
from posewire.voice.tools.schema import arguments_from_json

MAX_TOOLS = 128
"""Tools offered to a model at once; services refuse more."""

MAX_PARALLEL = 8
"""Calls of one round that run at the same time; more of them wait."""

_MAX_DESCRIPTION = 1024


@dataclass(frozen=True)
class ToolRequest:
    """A call as a model asks for it."""

    id: str
    name: str
    """The plain name that it was offered."""

    arguments: str
    """A JSON object as text; empty is none."""


@dataclass(frozen=True)
class ToolReply:
    """What came of a request."""

    id: str
    name: str
    text: str
    spoken: bool = False
    failed: bool = False


class UnifiedToolHandler:
    """Made for each session; a ``DeviceTools`` for commands, and the functions of a model."""

    def __init__(self, manager: ToolManager, context: ToolContext) -> None:
        self._manager = manager
        self._context = context

    def available(self) -> Mapping[str, ToolInfo]:
        """Return all tools by their real names."""
        return self._manager.available()

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a tool by its real name and return its text.

        Raises:
            ToolError: see ``ToolManager.call``.
        """
        return (await self._manager.call(name, arguments, self._context)).text

    def functions(self) -> list[dict[str, Any]]:
        """Return the tools in the form of the chat completions API, at most 128, under plain names."""
        tools = self._manager.available()
        return [
            {
                "type": "function",
                "function": {
                    "name": plain,
                    "description": tools[name].description[:_MAX_DESCRIPTION],
                    "parameters": {"type": "object", "properties": {}, **tools[name].schema},
                },
            }
            for plain, name in list(plain_names(tools).items())[:MAX_TOOLS]
        ]

    async def run(self, requests: Sequence[ToolRequest]) -> list[ToolReply]:
        """Carry out the calls of one round at the same time; replies in the order of the requests.

        A failure is a reply too, for the model to read. Cancelling cancels all of them.
        """
        names = plain_names(self._manager.available())
        slots = asyncio.Semaphore(MAX_PARALLEL)

        async def one(request: ToolRequest) -> ToolReply:
            async with slots:
                return await self._reply(request, names.get(request.name, request.name))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(request)) for request in requests]
        return [task.result() for task in tasks]

    async def _reply(self, request: ToolRequest, name: str) -> ToolReply:
        try:
            output = await self._manager.call(name, arguments_from_json(request.arguments), self._context)
        except ToolError as exc:
            return ToolReply(request.id, name, f"Error: {exc}", failed=True)
        return ToolReply(request.id, name, output.text, output.spoken)
