"""The parts of a host, for the tests of each module of ``server/connection``."""

from collections.abc import AsyncIterator

import pytest_asyncio

from server.connection.wired import Parts


@pytest_asyncio.fixture
async def parts() -> AsyncIterator[Parts]:
    made = Parts()
    yield made
    await made.close()
