"""``ping``: a peer measures the round trip to the host."""

import time

from posewire.server.connection.peer import Peer
from posewire.wire.requests import Ping


def handle_ping(peer: Peer, ping: Ping) -> None:
    """Answer with the same id and the host's clock."""
    peer.send({"type": "pong", "id": ping.id, "timestamp": time.strftime("%Y-%m-%d %H:%M:%S")})
