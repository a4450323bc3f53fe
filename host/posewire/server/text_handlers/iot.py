"""``iot``: legacy device tools."""

from typing import TYPE_CHECKING

from posewire.server.states import device_state
from posewire.wire.requests import Iot

if TYPE_CHECKING:
    from posewire.server.connection import ConnectionHandler


def handle_iot(conn: "ConnectionHandler", iot: Iot) -> None:
    """Register methods as tools, and mirror states in the device's shared state."""
    conn.tools.on_iot(iot)
    if iot.states:
        conn.services.states.get(device_state(conn.device_id)).patch({"things": iot.states})
