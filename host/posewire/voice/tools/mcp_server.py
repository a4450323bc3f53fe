"""The tools of an MCP server: a program on its standard streams, or an address (streamable HTTP).

Needs the extra ``mcp``.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from posewire.backoff import Backoff
from posewire.config import read_secret
from posewire.errors import ProviderError, ToolError
from posewire.voice.tools.base import ToolContext, ToolInfo, ToolOutput
from posewire.voice.tools.settings import McpServerSettings

REFRESH = 300.0
"""Seconds after which the list of tools is read again; when that fails, the connection is made again."""

_CONNECT_TIMEOUT = 30.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_MAX_PAGES = 32
_MAX_TOOLS = 256

_log = logging.getLogger(__name__)


class McpServerExecutor:
    """Keeps one connection alive for the host's whole life; without it the server's tools are not available.

    Raises:
        ProviderError: the extra ``mcp`` is not installed.
        ConfigError: the token cannot be read.
    """

    kind = "mcp"

    def __init__(self, settings: McpServerSettings, *, refresh: float = REFRESH) -> None:
        try:
            # Imported here: the package takes a second, and most hosts have no such server.
            import mcp  # noqa: F401
        except ImportError:
            raise ProviderError("MCP servers need the extra: pip install 'posewire[mcp]'") from None
        self._settings = settings
        self._token = read_secret(
            f"[[tools.mcp]] {settings.name}", settings.token_file, settings.token_env, needed=True
        )
        self._refresh = refresh
        self._tools: dict[str, ToolInfo] = {}
        self._client: Any = None
        self._refresh_now = asyncio.Event()
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect; on the event loop."""
        self._task = asyncio.create_task(self._keep_connected())

    async def ready(self, within: float) -> bool:
        """Wait until the tools are listed; return False when that takes longer than ``within`` seconds."""
        try:
            async with asyncio.timeout(within):
                await self._ready.wait()
        except TimeoutError:
            return False
        return True

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the server's tools as ``<server>.<tool>``."""
        return self._tools

    async def call(self, name: str, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Call a tool of the server.

        Raises:
            ToolError: the server is not connected, refuses, or reports that the tool failed.
        """
        client = self._client
        if client is None or name not in self._tools:
            raise ToolError(f"the MCP server {self._settings.name} is not connected")
        try:
            result = await client.call_tool(name.removeprefix(f"{self._settings.name}."), dict(arguments))
        except Exception as exc:
            # The package raises its own errors and those of its transports; the connection may be dead: check at once.
            self._refresh_now.set()
            raise ToolError(f"{name}: {exc}"[:300]) from None
        parts = [getattr(part, "text", f"[{part.type}]") for part in result.content]
        text = "\n".join(parts)
        if result.is_error:
            raise ToolError(text or f"{name} failed")
        return ToolOutput(text or "done")

    async def close(self) -> None:
        """Disconnect; a program that was started here is ended."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_connected(self) -> None:
        backoff = Backoff(_SHORTEST_PAUSE, _LONGEST_PAUSE)
        while True:
            try:
                async with self._connected() as client:
                    self._client = client
                    while True:
                        await self._list(client)
                        backoff.reset()
                        self._refresh_now.clear()
                        with contextlib.suppress(TimeoutError):
                            async with asyncio.timeout(self._refresh):
                                await self._refresh_now.wait()
            except Exception as exc:
                # Any exception of the server, the network or the package is that server's failure: it is tried again.
                failure = _reason(exc)
            finally:
                self._client = None
                self._tools = {}
                self._ready.clear()
            pause = backoff.next_pause()
            _log.warning("MCP server %s: %s; next attempt in %.1f s", self._settings.name, failure, pause)
            await asyncio.sleep(pause)

    async def _list(self, client: Any) -> None:
        tools: dict[str, ToolInfo] = {}
        cursor, left_out = None, 0
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            for _ in range(_MAX_PAGES):
                page = await client.list_tools(cursor=cursor, cache_mode="bypass")
                room = _MAX_TOOLS - len(tools)
                left_out += len(page.tools[room:])
                for tool in page.tools[:room]:
                    tools[f"{self._settings.name}.{tool.name}"] = ToolInfo(tool.description or "", tool.input_schema)
                cursor = page.next_cursor
                if not cursor:
                    break
        if cursor or left_out:
            _log.warning("MCP server %s lists more than %d tools: some are left out", self._settings.name, len(tools))
        self._tools = tools
        self._ready.set()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        import httpx2
        from mcp import Client, StdioServerParameters
        from mcp.client.streamable_http import streamable_http_client

        settings = self._settings
        async with contextlib.AsyncExitStack() as stack:
            transport: Any
            if settings.url:
                headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
                # Servers hold the answer's stream open while a tool works; the call has its own time-out.
                timeout = httpx2.Timeout(_CONNECT_TIMEOUT, read=REFRESH)
                http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=timeout))
                transport = streamable_http_client(settings.url, http_client=http)
            else:
                transport = StdioServerParameters(
                    command=settings.command[0], args=list(settings.command[1:]), env=_environment(settings)
                )
            client = Client(transport)
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await stack.enter_async_context(client)
            yield client


def _environment(settings: McpServerSettings) -> dict[str, str]:
    return {
        name: read_secret(f"[[tools.mcp]] {settings.name} pass_env", variable=name, needed=True)
        for name in settings.pass_env
    }


def _reason(error: BaseException) -> str:
    """Return the message of the first exception inside the groups that task groups wrap around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
