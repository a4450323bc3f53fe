"""A port for a server that does not choose one itself."""

import socket


def free_port() -> int:
    """Return the number of a port that nobody has at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
