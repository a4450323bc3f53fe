"""The tools that all devices of a host share, made from the settings."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from posewire.errors import ProviderError
from posewire.log import EventLog
from posewire.server.state.cache_registry import Caches
from posewire.ttl_cache import TtlCache
from posewire.voice.tools.base import ToolExecutor
from posewire.voice.tools.builtin import BUILTIN
from posewire.voice.tools.functions import FunctionExecutor, load_functions
from posewire.voice.tools.home_assistant import STATES_TTL, HomeAssistantExecutor
from posewire.voice.tools.manager import ToolManager
from posewire.voice.tools.mcp_server import McpServerExecutor
from posewire.voice.tools.settings import ToolsSettings


class HostTools:
    """Functions, MCP servers and Home Assistant behind one ``ToolManager``.

    Raises:
        ConfigError: a plug-in does not load, or a secret cannot be read.
    """

    def __init__(
        self, settings: ToolsSettings, counters: Counter[str], caches: Caches, own: Iterable[Callable[..., Any]] = ()
    ) -> None:
        self._functions = FunctionExecutor([*BUILTIN, *own, *load_functions(settings.plugins)])
        self._servers: list[McpServerExecutor] = []
        self._home: HomeAssistantExecutor | None = None
        executors: list[ToolExecutor] = [self._functions]
        for server in settings.mcp:
            try:
                self._servers.append(McpServerExecutor(server))
            except ProviderError as exc:
                EventLog().warning("tools_off", server=server.name, why=str(exc))
        executors += self._servers
        if settings.home_assistant is not None:
            states = TtlCache[str, Any](1, STATES_TTL)
            caches.add("home_states", states)
            self._home = HomeAssistantExecutor(settings.home_assistant, states)
            executors.append(self._home)
        self.manager = ToolManager(executors, hidden=settings.hidden, timeout=settings.timeout, counters=counters)

    def start(self) -> None:
        """Begin to connect to the MCP servers; needs a running event loop."""
        for server in self._servers:
            server.start()

    async def ready(self, within: float = 20.0) -> None:
        """Wait up to ``within`` seconds for the servers' tools; a server that does not answer has none."""
        await asyncio.gather(*(server.ready(within) for server in self._servers))

    async def close(self) -> None:
        """Disconnect from all sources of tools."""
        for server in self._servers:
            await server.close()
        if self._home is not None:
            await self._home.close()
        self._functions.close()
