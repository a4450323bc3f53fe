"""Return free memory to the system: the C library keeps the free pages that lie between blocks in use.

Audio comes and goes in buffers of tens of kilobytes, many at once when many people talk. Without this a host's memory
would for ever be what it was in its busiest second, and somewhat more with each of those.
"""

import asyncio
import ctypes

TRIM_PERIOD = 60.0
"""Seconds; one call takes a millisecond or two, in which nothing else can get memory."""


async def malloc_trim() -> None:
    """Return free pages to the system, where the C library can (glibc: see malloc_trim(3))."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return  # another C library, or another system
    await asyncio.to_thread(trim, 0)
