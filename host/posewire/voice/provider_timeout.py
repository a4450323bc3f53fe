"""The bound on every wait for a provider: also one that has no time-out of its own cannot hold up a turn for ever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from typing import TypeVar

from posewire.errors import ProviderError

_T = TypeVar("_T")


async def within(work: Awaitable[_T], seconds: float, name: str) -> _T:
    """Wait for an answer of a provider.

    Raises:
        ProviderError: it does not come within so many seconds; ``work`` is cancelled then.
    """
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise ProviderError(f"{name} did not answer within {seconds:.0f} s") from None


async def each_within(items: AsyncIterator[_T], seconds: float, name: str) -> AsyncIterator[_T]:
    """Yield the pieces of a provider's answer, and close it at the end.

    Raises:
        ProviderError: a piece does not come within so many seconds.
    """
    async with aclosing(items):  # type: ignore[type-var]
        while True:
            try:
                item = await within(anext(items), seconds, name)
            except StopAsyncIteration:
                return
            yield item
