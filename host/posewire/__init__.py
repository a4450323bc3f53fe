"""Posewire: voice-and-motion nodes on ESP32 boards, and the host they talk to.

``posewire.connect(url)`` is the desktop side of a host, with asyncio; ``posewire.sync.connect(url)`` the same without.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posewire.client.connection import HostConnection
    from posewire.client.endpoints import Endpoint

__version__ = "0.1.0"


def connect(urls: "str | Sequence[str | Endpoint]", **options: Any) -> "HostConnection":
    """Return a connection to a host, or to several that stand in for each other, to be entered with ``async with``.

    The options are those of ``posewire.client.connection.HostConnection``.
    """
    # Imported here: whoever imports one module of the package need not load the client.
    from posewire.client.connection import HostConnection

    return HostConnection(urls, **options)


def __getattr__(name: str) -> Any:
    """Load ``posewire.sync`` when it is asked for."""
    if name == "sync":
        import importlib

        return importlib.import_module("posewire.sync")
    raise AttributeError(f"module 'posewire' has no attribute {name!r}")
