"""Memory that is free goes back to the system: the C library keeps what lies between blocks in use.

Audio comes and goes in buffers of tens of kilobytes, many at once when many people talk. Without this a host's memory
would for ever be what it was in its busiest second, and somewhat more with each of those.
"""

import asyncio
import ctypes

EVERY = 60.0
"""Seconds; one call takes a millisecond or two, in which nothing else can get memory."""


async def give_back() -> None:
    """Give free pages back, where the C library can (glibc: ``malloc_trim``, see malloc_trim(3))."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return  # another C library, or another system
    await asyncio.to_thread(trim, 0)
