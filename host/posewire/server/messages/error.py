"""``error``: the device refused something of ours."""

from typing import TYPE_CHECKING

from posewire.wire.requests import DeviceError

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_error(conn: "ConnectionHandler", error: DeviceError) -> None:
    """Log it."""
    conn.log.warning("device_error", code=error.code, why=error.message)
