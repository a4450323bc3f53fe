"""The way to a host: Wi-Fi, clock, token, WebSocket; and the pause after a failure. Loaded for it, unloaded after."""

import asyncio
import gc
import random
import time

from micropython import const

from posewire_fw import log, memory
from posewire_fw.unload import unload_modules

_PAUSE_MS = const(250)
_BAD_CERTIFICATE = const(-0x2700)
# So many attempts in a row (some minutes) that lead nowhere, and the Wi-Fi itself is doubted: it may be up and dead.
_FRUITLESS_MAX = const(10)
# With less of the chip's own memory there is no connection; a heap that has grown by it does not give it back. After so
# many attempts in a row only a reset helps.
_NETWORK_LEAST = const(4096)
_STARVED_MAX = const(5)

# Waiting times between attempts: doubled from the first to the last, with jitter: many boards do not come at once.
FIRST_MS = const(500)
LAST_MS = const(30000)
AFTER_ERROR_MS = const(1000)
STABLE_MS = const(5000)


async def prepare(connection):
    """The conditions of a connection: a network, a clock where certificates are checked, a token where asked.

    Raises OSError.
    """
    host = connection.config["host"]
    wifi = connection.wifi
    if connection.setup_wanted or not wifi.known():
        connection.setup_wanted = False
        connection.on_phase("setup")
        await connection.setup(connection.tick)
    if not wifi.connected():
        connection.on_phase("trouble" if wifi.problem else "joining")
        joined = await wifi.join(connection.tick)
        unload_modules("wifi_join", "credentials")
        if not joined:
            raise OSError("no Wi-Fi")
    connection.on_phase("trouble" if connection.config["errors"] or connection.starved else "offline")
    if host["url"].startswith("wss:"):
        if host["ca"]:
            from posewire_fw import ntp

            await ntp.set_clock(connection.config["ntp"], connection.tick, connection.clock_doubted)
            connection.clock_doubted = False
            unload_modules("ntp")
        elif not connection.connections:
            log.warning("connection", "TLS without host.ca: the host's certificate is not checked")
    if connection.unauthorized:
        connection.unauthorized = False
        connection.on_phase("pairing")
        await connection.pair(connection.tick)


async def pause_after(connection, failure, opened, idle):
    """Say why there is no connection any more, and wait before the next attempt.

    failure: what ended it; opened: when it was opened, in ms, 0 for not at all; idle: whether nothing was under way.
    """
    _note(connection, failure)
    _count_fruitless(connection, opened or connection.unauthorized)
    _count_starved(connection)
    # Its absolute value: the difference turns negative for a connection that lasted a week.
    lasted = abs(time.ticks_diff(time.ticks_ms(), opened)) if opened else 0
    closed = hasattr(failure, "code") and idle
    wait, connection.wait_ms = next_wait(connection.wait_ms, lasted, not closed)
    end = time.ticks_add(time.ticks_ms(), wait)
    while True:
        connection.tick()
        left = time.ticks_diff(end, time.ticks_ms())
        if left <= 0 or connection.wifi.offered() or connection.setup_wanted:
            return
        await asyncio.sleep_ms(min(left, _PAUSE_MS))


def _note(connection, failure):
    if isinstance(failure, MemoryError):
        # What a failed attempt leaves behind may be all that was missing.
        log.warning("connection", "no memory for a connection: %s", failure)
        gc.collect()
    elif isinstance(failure, OSError):
        from posewire_fw.net_errors import explain

        log.warning("connection", "%s", explain(failure))
        unload_modules("net_errors")
        connection.clock_doubted = failure.errno == _BAD_CERTIFICATE
    else:
        # TLS says what is wrong with a certificate on a line of its own.
        text = str(failure).strip()
        log.warning("connection", "%s", text)
        connection.unauthorized = getattr(failure, "status", 0) == 401
        connection.clock_doubted = "certificate" in text


def _count_fruitless(connection, reached):
    connection.fruitless = 0 if reached else connection.fruitless + 1
    if connection.fruitless == _FRUITLESS_MAX:
        connection.fruitless = 0
        if connection.wifi.connected():
            connection.wifi.leave()


def _count_starved(connection):
    gc.collect()
    found = memory.idf()
    if found is None or found[0] >= _NETWORK_LEAST:
        connection.starved = 0
        return
    connection.starved += 1
    connection.on_phase("trouble")
    if connection.starved == _STARVED_MAX:
        connection.give_up("the heap has taken the network's memory: %d bytes are left\n" % found[0])


def next_wait(wait, lasted_ms, failed):
    """(how long to wait now, the next wait), in ms. wait: what came out last time, 0 at first.

    lasted_ms: how long the connection lasted, 0 for none; failed: it was not closed in order.
    """
    if lasted_ms >= STABLE_MS or not wait:
        wait = FIRST_MS
    after = min(wait * 2, LAST_MS)
    wait = wait * (75 + random.getrandbits(16) * 50 // 65535) // 100
    if failed:
        wait = max(wait, AFTER_ERROR_MS)
    return min(wait, LAST_MS), after
