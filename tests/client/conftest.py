"""A host inside the test, and a link to it that can be cut."""

from collections.abc import AsyncIterator

import pytest_asyncio

from posewire.server.host import Host
from posewire.sim.network.link_proxy import LinkProxy
from support.hosts import settings


class Link(LinkProxy):
    """A network before a host that can be cut and mended."""

    async def cut(self) -> None:
        """Break all connections; none is made until ``mend``."""
        await self.change(refuse=True)
        self.reset()

    async def mend(self) -> None:
        """Let everything pass again."""
        await self.change(refuse=False, stall=False)


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    running = Host(settings(resume_window=5.0, max_connections=64))
    await running.start()
    yield running
    await running.stop()


@pytest_asyncio.fixture
async def link(host: Host) -> AsyncIterator[Link]:
    between = Link(host.url)
    await between.start()
    yield between
    await between.close()
