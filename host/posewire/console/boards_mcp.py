"""The tools of all connected boards as one MCP server, on top of a running host. Extra: ``mcp``."""

import hmac
import time
from typing import Any

from mcp.server.lowlevel import Server
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from posewire import __version__
from posewire.console.host_client import HostClient
from posewire.errors import PosewireError, ToolError
from posewire.voice.tools.names import plain_names

_FRESH = 2.0
"""Seconds for which the list is not read again: a client lists, then calls."""

_INSTRUCTIONS = (
    "Tools of small boards with a voice, lights and motors. Each tool's name begins with its board's id. "
    "list_devices says which boards are connected; say speaks on one of them."
)
_SAY = Tool(
    name="say",
    description="Say something aloud on a board, in its own time (it waits until the board is idle).",
    input_schema={
        "type": "object",
        "properties": {
            "device": {"type": "string", "description": "the board's id or name, or all"},
            "text": {"type": "string"},
            "urgent": {"type": "boolean", "description": "interrupt what the board is doing"},
        },
        "required": ["device", "text"],
    },
)
_LIST = Tool(
    name="list_devices",
    description="List the connected boards and what they are doing.",
    input_schema={"type": "object", "properties": {}},
)


class BoardsServer:
    """The MCP server. It asks the host each time: boards come and go."""

    def __init__(self, host: HostClient) -> None:
        self._host = host
        self._tools: list[Tool] = []
        self._targets: dict[str, tuple[str, str]] = {}
        self._listed = 0.0
        self.server: Server[Any] = Server(
            "posewire",
            version=__version__,
            instructions=_INSTRUCTIONS,
            on_list_tools=self._on_list,
            on_call_tool=self._on_call,
        )

    async def list(self) -> list[Tool]:
        """Return all tools of all boards, under names that MCP clients take, and the two of the host.

        Raises:
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: it refuses.
        """
        found: dict[str, tuple[str, str, dict[str, Any]]] = {}
        for device in await self._host.devices():
            name = device["device"]
            try:
                tools = await self._host.tools(name)
            except PosewireError:
                # It went away between the two questions.
                continue
            for tool in tools:
                found[f"{name}.{tool['name']}"] = name, tool["name"], tool
        plain = plain_names([*found, _SAY.name, _LIST.name])
        self._targets = {short: found[long][:2] for short, long in plain.items() if long in found}
        self._tools = [
            Tool(
                name=short,
                description=f"{found[long][2]['description']} (board {found[long][0]})".strip(),
                input_schema=found[long][2]["inputSchema"],
            )
            for short, long in plain.items()
            if long in found
        ]
        self._listed = time.monotonic()
        return [_LIST, _SAY, *self._tools]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """Call a tool and return its text.

        Raises:
            ToolError: there is no such tool, or the tool failed.
            HostUnreachableError: the host does not answer, or does not let this program in.
            WireError: it refuses.
        """
        if name == _LIST.name:
            devices = await self._host.devices()
            lines = [
                f"{found['device']}: {found['session']['board'] or 'unknown board'}, {found['session']['voice']}"
                for found in devices
            ]
            return "\n".join(lines) or "no board is connected"
        if name == _SAY.name:
            device, text = arguments.get("device"), arguments.get("text")
            if not isinstance(device, str) or not isinstance(text, str):
                raise ToolError("say needs the arguments device and text")
            if device.lower() != "all":
                found = await self._host.find(device)
                if not found.known:
                    raise ToolError(f"no device is called {device}: list_devices says which are connected")
                device = found.device
            outcomes = await self._host.say(device, text, urgent=arguments.get("urgent") is True, wait=True)
            return ", ".join(f"{target}: {outcome}" for target, outcome in outcomes.items()) or "no board is connected"
        if name not in self._targets and time.monotonic() - self._listed > _FRESH:
            await self.list()
        if name not in self._targets:
            raise ToolError(f"there is no tool {name}: its board may have gone")
        device, tool = self._targets[name]
        return await self._host.call(device, tool, arguments)

    async def _on_list(self, _context: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(tools=await self.list())

    async def _on_call(self, _context: Any, params: CallToolRequestParams) -> CallToolResult:
        try:
            text, failed = await self.call(params.name, params.arguments or {}), False
        except PosewireError as exc:
            text, failed = str(exc), True
        return CallToolResult(content=[TextContent(type="text", text=text)], is_error=failed)


class TokenGate:
    """Refuses requests without the bearer token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an ASGI request."""
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given.removeprefix(b"Bearer ").strip(), self._token):
                refusal = JSONResponse({"error": "send Authorization: Bearer <token>"}, 401)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
