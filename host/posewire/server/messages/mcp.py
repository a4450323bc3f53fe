"""``mcp``: JSON-RPC answers of the device, which is the MCP server, and its notifications of events."""

import time

from posewire.server.connection.peer import Peer
from posewire.server.push.events import DeviceEvents
from posewire.wire.messages import get_field
from posewire.wire.requests import Mcp

_EVENT = "notifications/event"


def handle_mcp(events: DeviceEvents, peer: Peer, mcp: Mcp) -> None:
    """Give the payload to the call that waits for it; a notification of an event equals the message ``event``.

    Raises:
        WireError: an event has no name.
    """
    if mcp.payload.get("method") == _EVENT:
        params = get_field(mcp.payload, "params", dict, {})
        events.handle(peer, get_field(params, "name", str), get_field(params, "data", dict, {}), time.monotonic())
    else:
        peer.tools.on_mcp(mcp.payload)
