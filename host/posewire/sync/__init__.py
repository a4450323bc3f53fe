"""The desktop side of a host without asyncio: for scripts, notebooks and game loops.

with posewire.sync.connect("ws://pi.local:8000/posewire/v1/") as host:
    room = host.join("studio")
    pose = room.latest("left-arm")          # at once; None where there is none

The connection lives in a thread of its own. Every method may be called from any thread. Handlers are called in that
one: there, what waits for the host raises ``RuntimeError``, and they should return soon.
"""

from collections.abc import Sequence
from typing import Any

from posewire.client.endpoints import Endpoint
from posewire.sync.connection import SyncConnection
from posewire.sync.pool import SyncPool


def connect(urls: str | Sequence[str | Endpoint], **options: Any) -> SyncConnection:
    """Return a connection to a host, to be entered with ``with``; the options are those of ``HostConnection``."""
    return SyncConnection(urls, **options)


def pool(urls: str | Sequence[str | Endpoint], **options: Any) -> SyncPool:
    """Return a pool of connections, to be entered with ``with``; the options are those of ``ConnectionPool``."""
    return SyncPool(urls, **options)
