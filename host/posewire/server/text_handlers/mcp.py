"""``mcp``: JSON-RPC answers of the device, which is the MCP server."""

from typing import TYPE_CHECKING

from posewire.wire.messages import Message, field

if TYPE_CHECKING:
    from posewire.server.connection import ConnectionHandler


def handle_mcp(conn: "ConnectionHandler", message: Message) -> None:
    """Pass the payload to whoever waits for it.

    Raises:
        WireError: the payload is not a JSON-RPC object.
    """
    conn.tools.on_mcp(field(message, "payload", dict))
