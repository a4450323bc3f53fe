"""One connection to a host, piece by piece: what waits to be sent, its session, its heartbeat, what it counts."""
