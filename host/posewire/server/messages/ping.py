"""``ping``: a peer measures the round trip to the host."""

import time

from posewire.server.connection.peer import Peer
from posewire.wire.requests import Ping


def handle_ping(peer: Peer, ping: Ping) -> None:
    """Answer with the same id and the host's clock: local time to the second, and milliseconds since 1970.

    A member of a room also learns the room's version: a mirror of it sees whether it has missed something.
    """
    host_ms = time.time_ns() // 1_000_000
    pong = {"type": "pong", "id": ping.id, "host_ms": host_ms, "timestamp": time.strftime("%Y-%m-%d %H:%M:%S")}
    if peer.room.version is not None:
        pong["room_version"] = peer.room.version
    peer.send(pong)
