"""``mcp``: JSON-RPC answers of the device, which is the MCP server; its notifications of events."""

import time
from typing import TYPE_CHECKING

from posewire.wire.messages import Message, field

if TYPE_CHECKING:
    from posewire.server.connection import ConnectionHandler

_EVENT = "notifications/event"


def handle_mcp(conn: "ConnectionHandler", message: Message) -> None:
    """Pass the payload to whoever waits for it. A notification of an event is what the message ``event`` is.

    Raises:
        WireError: the payload is not a JSON-RPC object.
    """
    payload = field(message, "payload", dict)
    if payload.get("method") == _EVENT:
        params = field(payload, "params", dict, {})
        name, data = field(params, "name", str), field(params, "data", dict, {})
        conn.services.push.events.take(conn, name, data, time.monotonic())
    else:
        conn.tools.on_mcp(payload)
