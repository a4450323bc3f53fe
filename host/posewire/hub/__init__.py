"""Connections in groups: send to one, to a group or to all, notice lost connections, share a state.

Stands by itself: the host uses it, and so can any Starlette or FastAPI application (``posewire.hub.starlette``).
"""

from posewire.hub.dispatcher import Delivery, MessageDispatcher
from posewire.hub.hub import ConnectionHub
from posewire.hub.monitor import ConnectionMonitor, Limits
from posewire.hub.pool import Connection, ConnectionPool, Group
from posewire.hub.state import SharedState, StateMirror

__all__ = [
    "Connection",
    "ConnectionHub",
    "ConnectionMonitor",
    "ConnectionPool",
    "Delivery",
    "Group",
    "Limits",
    "MessageDispatcher",
    "SharedState",
    "StateMirror",
]
