"""``mcp``: JSON-RPC answers of the device, which is the MCP server; its notifications of events."""

import time
from typing import TYPE_CHECKING

from posewire.wire.messages import field
from posewire.wire.requests import Mcp

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler

_EVENT = "notifications/event"


def handle_mcp(conn: "ConnectionHandler", mcp: Mcp) -> None:
    """Pass the payload to whoever waits for it. A notification of an event is what the message ``event`` is.

    Raises:
        WireError: an event without a name.
    """
    if mcp.payload.get("method") == _EVENT:
        params = field(mcp.payload, "params", dict, {})
        name, data = field(params, "name", str), field(params, "data", dict, {})
        conn.services.push.events.take(conn, name, data, time.monotonic())
    else:
        conn.tools.on_mcp(mcp.payload)
