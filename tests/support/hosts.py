"""Hosts inside the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings


def settings(**server: Any) -> Settings:
    """Return the settings of a host on any free port, without voice; arguments are those of section ``[server]``."""
    return Settings(server=ServerSettings(port=0, **server), voice=None)


def http_url(host: Host, path: str) -> str:
    """Return the address of a path on a host."""
    return host.url.replace("ws://", "http://").replace("/posewire/v1/", path)


@asynccontextmanager
async def running(wanted: Settings) -> AsyncIterator[Host]:
    """Run a host while the block runs."""
    host = Host(wanted)
    await host.start()
    try:
        yield host
    finally:
        await host.stop()
