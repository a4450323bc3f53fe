"""Hosts with the Socket.IO gateway, and clients of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from posewire.server.host import Host
from posewire.server.http.settings import GatewaySettings
from support.hosts import http_url, running, settings

socketio = pytest.importorskip("socketio", reason="the extra socketio is not installed")


def with_gateway(max_clients: int = 64, **server: Any) -> Any:
    """Return the settings of a host with the gateway."""
    return replace(settings(**server), socketio=GatewaySettings(enabled=True, max_clients=max_clients))


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    async with running(with_gateway(hello_timeout=0.5)) as started:
        yield started


class Page:
    """A Socket.IO client of python-socketio, and what it has heard."""

    def __init__(self) -> None:
        self.client = socketio.AsyncClient(reconnection=False)
        self.heard: list[tuple[str, Any]] = []
        self.refusal: Any = None
        self.client.on("*", lambda event, *data: self.heard.append((event, data[0] if data else None)))
        self.client.on("connect_error", self._refused)

    def _refused(self, error: Any) -> None:
        self.refusal = error

    def last(self, event: str) -> Any:
        """Return the last event of that name; None where there is none."""
        return next((data for name, data in reversed(self.heard) if name == event), None)

    async def call(self, event: str, *arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await self.client.call(event, arguments, timeout=10)
        return answer


@asynccontextmanager
async def page(
    host: Host, transport: str = "websocket", headers: dict[str, str] | None = None, query: str = "", **auth: Any
) -> AsyncIterator[Page]:
    """A client that is connected while the block runs; raises where the host refuses it."""
    found = Page()
    await found.client.connect(
        http_url(host, "") + query, transports=[transport], auth=auth or None, headers=headers or {}
    )
    try:
        yield found
    finally:
        await found.client.disconnect()
