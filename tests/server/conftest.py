"""A host inside the test, without voice, and peers of it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from posewire.server.host import Host
from support.hosts import running, settings
from support.peers import Peers


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    async with running(settings(resume_window=5.0, max_connections=8)) as started:
        yield started


@pytest_asyncio.fixture
async def peers(host: Host) -> AsyncIterator[Peers]:
    opened = Peers(host.url)
    yield opened
    await opened.close()
