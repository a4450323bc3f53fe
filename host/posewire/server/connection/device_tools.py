"""The tools of one device: MCP over the connection (the device is the server), and legacy IoT methods as tools."""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from posewire import __version__
from posewire.errors import ToolError
from posewire.log import EventLog
from posewire.server.connection.iot_things import MAX_TOOL_BYTES, IotContent, IotThings, send_nowhere, tool_size
from posewire.voice.tools.base import ToolInfo
from posewire.wire.json_shape import as_list, as_object, as_text
from posewire.wire.messages import Message
from posewire.wire.requests import Iot

CALL_TIMEOUT = 30.0
_LIST_TIMEOUT = 10.0
MAX_TOOLS = 256
"""Tools that one device may list."""

_PROTOCOL_VERSION = "2024-11-05"


class DeviceToolClient:
    """Lists and calls a device's tools. Answers are matched by id; late or unknown ones are ignored."""

    def __init__(self, send: Callable[[Message], None], log: EventLog) -> None:
        self.log = log
        self._send = send
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._tools: dict[str, ToolInfo] = {}
        self._size = 0
        self._things = IotThings(send)

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the tools by name."""
        return {**self._things.content.tools, **self._tools}

    async def discover(self) -> None:
        """Initialize the device's MCP server and list its tools, page by page.

        Raises:
            ToolError: the device does not answer, or refuses.
        """
        await self._request(
            "initialize",
            {
                "protocolVersion": _PROTOCOL_VERSION,
                # Some clients in the field fail without a vision entry; an empty address means: no vision here.
                "capabilities": {"vision": {"url": "", "token": ""}},
                "clientInfo": {"name": "posewire", "version": __version__},
            },
            _LIST_TIMEOUT,
        )
        cursor: str | int = ""
        while True:
            result = await self._request("tools/list", {"cursor": cursor} if cursor else {}, _LIST_TIMEOUT)
            new, left_out = self._add_page(as_list(result.get("tools")))
            given = result.get("nextCursor")
            # The protocol's cursors are texts; some devices send the number of the page.
            cursor = given if isinstance(given, str | int) and not isinstance(given, bool) else ""
            if left_out or (cursor and not new):
                self.log.warning("tools_left_out", listed=len(self._tools), bytes=self._size)
                return
            if not cursor:
                return

    @property
    def held_bytes(self) -> int:
        """Bytes of the descriptions of all tools, as JSON."""
        return self._size + self._things.content.size

    async def try_discover(self) -> None:
        """Discover the tools, and log how many there are or why there are none."""
        try:
            await self.discover()
        except ToolError as error:
            self.log.warning("no_tools", why=str(error))
        else:
            self.log.info("tools", count=len(self.available()))

    async def call(self, name: str, arguments: Mapping[str, object]) -> str:
        """Call a tool and return its text.

        Raises:
            ToolError: no such tool, the device answers with an error, or does not answer in 30 s.
        """
        try:
            text = await self._call(name, arguments)
        except ToolError as error:
            self.log.warning("tool", name=name, arguments=dict(arguments), error=str(error))
            raise
        self.log.info("tool", name=name, arguments=dict(arguments), result=text[:200])
        return text

    async def _call(self, name: str, arguments: Mapping[str, object]) -> str:
        if name not in self._tools:
            return self._things.call(name, arguments)
        result = await self._request("tools/call", {"name": name, "arguments": dict(arguments)}, CALL_TIMEOUT)
        texts = [
            as_text(part.get("text"))
            for part in as_list(result.get("content"))
            if isinstance(part, dict) and part.get("type") == "text"
        ]
        text = "\n".join(texts)
        if result.get("isError"):
            raise ToolError(text or f"{name} failed")
        return text

    def on_mcp(self, payload: Mapping[str, Any]) -> None:
        """Handle a JSON-RPC message of the device. Notifications and answers that nobody waits for are ignored."""
        if "method" in payload:
            return
        waiting = self._waiting.get(payload["id"])
        if waiting is None or waiting.done():
            return
        error, result = payload.get("error"), payload.get("result")
        if error is not None:
            text = error.get("message") if isinstance(error, dict) else None
            waiting.set_exception(ToolError(str(text or json.dumps(error))[:500]))
        elif isinstance(result, dict):
            waiting.set_result(result)
        else:
            waiting.set_exception(ToolError("the device's answer has no result object"))

    def with_iot(self, iot: Iot) -> IotContent:
        """Return the legacy methods and states with those of a message; nothing changes yet.

        Raises:
            WireError: ``too_many``: the device has too many such tools, or they are too long.
        """
        return self._things.updated(iot)

    def take_iot(self, content: IotContent) -> None:
        """Take what ``with_iot`` returned. It does not replace a tool that the device lists itself."""
        self._things.content = content

    def close(self) -> None:
        """Fail every call that still waits, and drop the reference to the connection; later messages go nowhere."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ToolError("the device has disconnected"))
        # The connection holds these tools: with the way back they would wait for the collector together.
        self._send = send_nowhere
        self._things.close()

    def _add_page(self, page: list[Any]) -> tuple[int, int]:
        """Add the tools of a page; return how many are new, and how many were left out because they are too many."""
        new = left_out = 0
        for tool in map(as_object, page):
            name = as_text(tool.get("name"))
            if not name:
                continue
            info = ToolInfo(as_text(tool.get("description")), as_object(tool.get("inputSchema")))
            known = self._tools.get(name)
            size = self._size + tool_size(name, info) - (tool_size(name, known) if known is not None else 0)
            if size > MAX_TOOL_BYTES or (known is None and len(self._tools) >= MAX_TOOLS):
                left_out += 1
                continue
            self._tools[name], self._size = info, size
            new += known is None
        return new, left_out

    async def _request(self, method: str, params: Message, within: float) -> Message:
        request_id = next(self._ids)
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = waiting
        payload = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        self._send({"type": "mcp", "payload": payload})
        try:
            async with asyncio.timeout(within):
                return await waiting
        except TimeoutError:
            raise ToolError(f"the device did not answer {method} within {within:.0f} s") from None
        finally:
            del self._waiting[request_id]
