"""Runs a host in this process until a signal ends it."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable

from posewire.errors import ConfigError
from posewire.server.host import Config, Host
from posewire.server.monitoring.file_limit import raise_file_limit
from posewire.task_scope import TaskScope


async def run_host(config: Config, on_ready: Callable[[Host], Awaitable[None]]) -> bool:
    """Run a host until SIGINT or SIGTERM; ``on_ready`` is called when it is ready. SIGHUP reloads.

    Returns whether it was told to start again.
    """
    raise_file_limit()
    host = Host(config.load(), config)
    await host.start()
    # What the start has made stays for ever. Out of the collector's sight, full collections become short and frequent,
    # and the cycles of closed connections do not pile up until a quarter of all those objects has been reached.
    gc.collect()
    gc.freeze()
    stop = asyncio.Event()
    again = False

    def restart() -> None:
        nonlocal again
        again = True
        stop.set()

    host.services.control.on_restart = restart
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    reloads = TaskScope()
    loop.add_signal_handler(signal.SIGHUP, lambda: reloads.spawn(_reload(host)))
    await on_ready(host)
    await stop.wait()
    await host.stop("the host restarts" if again else "the host is shutting down")
    return again


async def _reload(host: Host) -> None:
    try:
        await host.services.control.reload()
    except ConfigError:
        return  # it is logged; the old configuration stays in force
