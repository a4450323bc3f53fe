"""``ping``: a peer measures the way to the host and back."""

import time
from typing import TYPE_CHECKING

from posewire.wire.requests import Ping

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_ping(conn: "ConnectionHandler", ping: Ping) -> None:
    """Answer with the same id and the host's clock."""
    conn.send({"type": "pong", "id": ping.id, "timestamp": time.strftime("%Y-%m-%d %H:%M:%S")})
