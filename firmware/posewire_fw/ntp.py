"""The clock, for certificates: they are valid from one day to another. Imported where a host's is checked."""

import asyncio
import time

from micropython import const

from posewire_fw import log

# The chip starts in the year 2000 (or 1970): anything before this firmware was written is no time at all.
_EARLIEST_YEAR = const(2025)
_TRIES = const(3)
_PAUSE_MS = const(500)


async def set_clock(server, beat, doubted=False):
    """Set the clock unless it has been set; True when it is right. Gives up after seconds: then TLS will say so.

    doubted: ask although it has been set, because a certificate was refused; a server may have told a wrong time.
    """
    if time.gmtime()[0] >= _EARLIEST_YEAR and not doubted:
        return True
    import ntptime

    ntptime.host = server
    ntptime.timeout = 2
    for _ in range(_TRIES):
        beat()
        try:
            ntptime.settime()
            log.info("ntp", "the clock is set by %s: %d-%02d-%02d %02d:%02d", server, *time.gmtime()[:5])
            return True
        except (OSError, OverflowError, ValueError) as exc:
            # ValueError: what came is too short.
            log.warning("ntp", "%s does not tell the time: %s", server, exc)
        await asyncio.sleep_ms(_PAUSE_MS)
    return False
