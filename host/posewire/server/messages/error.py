"""``error``: the device refused a message of the host."""

from posewire.server.connection.peer import Peer
from posewire.wire.requests import DeviceError


def handle_error(peer: Peer, error: DeviceError) -> None:
    """Log the error that a device reports."""
    peer.log.warning("device_error", code=error.code, why=error.message)
