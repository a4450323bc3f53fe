"""The clock, for certificates: they are valid from one day to another. Imported where a host's is checked."""

import asyncio
import time

from micropython import const

from posewire_fw import log

# The chip starts in the year 2000 (or 1970): anything before this firmware was written is no time at all.
_EARLIEST_YEAR = const(2025)
_TRIES = const(3)
_PAUSE_MS = const(500)


async def set_clock(server, beat):
    """Set the clock unless it has been set; True when it is right. Gives up after seconds: then TLS will say so."""
    if time.gmtime()[0] >= _EARLIEST_YEAR:
        return True
    import ntptime

    ntptime.host = server
    ntptime.timeout = 2
    for _ in range(_TRIES):
        beat()
        try:
            ntptime.settime()
            log.info("ntp", "the clock is set by %s", server)
            return True
        except (OSError, OverflowError) as exc:
            log.warning("ntp", "%s does not answer: %s", server, exc)
        await asyncio.sleep_ms(_PAUSE_MS)
    return False
