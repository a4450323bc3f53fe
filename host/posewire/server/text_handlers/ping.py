"""``ping``: a peer measures the way to the host and back."""

import time
from typing import TYPE_CHECKING

from posewire.wire.messages import Message

if TYPE_CHECKING:
    from posewire.server.connection import ConnectionHandler


def handle_ping(conn: "ConnectionHandler", message: Message) -> None:
    """Answer with the same id and the host's clock."""
    conn.send({"type": "pong", "id": message.get("id"), "timestamp": time.strftime("%Y-%m-%d %H:%M:%S")})
