"""The tools of one device: MCP over the connection (the device is the server), and legacy IoT methods as tools."""

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from posewire import __version__
from posewire.backoff import Backoff
from posewire.errors import ToolError
from posewire.log import EventLog
from posewire.server.connection.tools.iot_things import MAX_TOOL_BYTES, IotContent, IotThings, send_nowhere, tool_size
from posewire.voice.tools.base import ToolInfo
from posewire.wire.json_shape import as_list, as_object, as_text
from posewire.wire.messages import Message, dump_text
from posewire.wire.requests import Iot

CALL_TIMEOUT = 30.0
LIST_TIMEOUTS = (3.0, 5.0, 10.0, 10.0, 10.0, 10.0)
"""Seconds that the device has for each answer while it lists its tools, by attempt: messages are lost, boards busy."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
READY_WITHIN = 5.0
"""Longest time, in seconds from the hello, that turns wait for the first list."""
MAX_TOOLS = 256
"""Tools that one device may list."""
_ENVELOPE = 160
"""The size of a request without its parameters, in bytes."""

_PROTOCOL_VERSION = "2024-11-05"


class NoAnswerError(ToolError):
    """The device has not answered in time."""


class DeviceToolClient:
    """Lists and calls a device's tools. Answers are matched by id; late or unknown ones are ignored."""

    def __init__(self, send: Callable[[Message], None], log: EventLog) -> None:
        self.log = log
        self._send = send
        self.longest = 0
        """Bytes of the longest message that the device takes; 0: not known."""

        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._tools: dict[str, ToolInfo] = {}
        self._size = 0
        self._things = IotThings(send)
        self._ready: asyncio.Event | None = None
        """Set when turns need not wait for the list any more; None: they never do."""

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the tools by name."""
        return {**self._things.content.tools, **self._tools}

    @property
    def listed(self) -> Mapping[str, ToolInfo]:
        """The tools that the device has listed by MCP."""
        return self._tools

    def preload(self, known: Mapping[str, ToolInfo]) -> None:
        """Use the list that the device gave in an earlier session until it gives a new one, which will be soon.

        Turns need not wait for the new list where there is an older one.
        """
        self._tools = dict(known)
        self._size = sum(tool_size(name, info) for name, info in known.items())
        if not known:
            self._ready = ready = asyncio.Event()
            asyncio.get_running_loop().call_later(READY_WITHIN, ready.set)

    async def ready(self) -> None:
        """Wait until the device has listed its tools, or until that has taken too long for a turn to wait for it."""
        if self._ready is not None:
            await self._ready.wait()

    async def discover(self, within: float = LIST_TIMEOUTS[-1]) -> None:
        """Initialize the device's MCP server and list its tools, page by page.

        Raises:
            ToolError: the device does not answer, or refuses.
        """
        await self.request(
            "initialize",
            {
                "protocolVersion": _PROTOCOL_VERSION,
                # Some clients in the field fail without a vision entry; an empty address means: no vision here.
                "capabilities": {"vision": {"url": "", "token": ""}},
                "clientInfo": {"name": "posewire", "version": __version__},
            },
            within,
        )
        tools: dict[str, ToolInfo] = {}
        size = 0
        cursor: str | int = ""
        while True:
            result = await self.request("tools/list", {"cursor": cursor} if cursor else {}, within)
            known = len(tools)
            size, left_out = _add_page(tools, size, as_list(result.get("tools")))
            given = result.get("nextCursor")
            # The protocol's cursors are texts; some devices send the number of the page.
            cursor = given if isinstance(given, str | int) and not isinstance(given, bool) else ""
            if left_out or (cursor and len(tools) == known):
                self.log.warning("tools_left_out", listed=len(tools), bytes=size)
                break
            if not cursor:
                break
        self._tools, self._size = tools, size

    @property
    def held_bytes(self) -> int:
        """Bytes of the descriptions of all tools, as JSON."""
        return self._size + self._things.content.size

    async def try_discover(self) -> bool:
        """Discover the tools, again when the device does not answer; log how many there are or why there are none.

        Returns whether the device has listed them.
        """
        backoff = Backoff(_FIRST_PAUSE, _LONGEST_PAUSE)
        try:
            for attempt, within in enumerate(LIST_TIMEOUTS, 1):
                try:
                    await self.discover(within)
                except NoAnswerError as error:
                    self.log.warning("no_tools", why=str(error), attempt=attempt)
                    if attempt < len(LIST_TIMEOUTS):
                        await asyncio.sleep(backoff.next_pause())
                except ToolError as error:
                    self.log.warning("no_tools", why=str(error))
                    return False
                else:
                    self.log.info("tools", count=len(self.available()))
                    return True
            return False
        finally:
            if self._ready is not None:
                self._ready.set()

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
        result = await self.request("tools/call", {"name": name, "arguments": dict(arguments)}, CALL_TIMEOUT)
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

    def replace_iot(self, content: IotContent) -> None:
        """Use what ``with_iot`` returned from now on. It does not replace a tool that the device lists itself."""
        self._things.content = content

    def close(self) -> None:
        """Fail every call that still waits, and drop the reference to the connection; later messages go nowhere."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ToolError("the device has disconnected"))
        # The connection holds these tools: with the way back they would wait for the collector together.
        self._send = send_nowhere
        self._things.close()

    async def request(self, method: str, params: Message, within: float) -> Message:
        """Send a JSON-RPC request, and return its result.

        Raises:
            ToolError: the request is too long for the device, the device answers with an error, or not in time.
        """
        request_id = next(self._ids)
        size = len(dump_text(params).encode()) + _ENVELOPE
        if self.longest and size > self.longest:
            # A device ends the connection at a message that it has no room for.
            raise ToolError(f"{method} would have {size} bytes, and the device takes {self.longest} at most")
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = waiting
        payload = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        self._send({"type": "mcp", "payload": payload})
        try:
            async with asyncio.timeout(within):
                return await waiting
        except TimeoutError:
            raise NoAnswerError(f"the device did not answer {method} within {within:.0f} s") from None
        finally:
            del self._waiting[request_id]


def _add_page(tools: dict[str, ToolInfo], size: int, page: list[Any]) -> tuple[int, bool]:
    """Add the tools of a page; return the bytes of all now, and whether any was left out for want of room."""
    left_out = False
    for tool in map(as_object, page):
        name = as_text(tool.get("name"))
        if not name:
            continue
        info = ToolInfo(as_text(tool.get("description")), as_object(tool.get("inputSchema")))
        known = tools.get(name)
        grown = size + tool_size(name, info) - (tool_size(name, known) if known is not None else 0)
        if grown > MAX_TOOL_BYTES or (known is None and len(tools) >= MAX_TOOLS):
            left_out = True
            continue
        tools[name], size = info, grown
    return size, left_out
