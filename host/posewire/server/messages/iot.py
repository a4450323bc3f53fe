"""``iot``: legacy device tools."""

from typing import TYPE_CHECKING

from posewire.errors import WireError
from posewire.hub.state import StateError
from posewire.server.state.shared_states import device_state
from posewire.wire.requests import Iot

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_iot(conn: "ConnectionHandler", iot: Iot) -> None:
    """Register methods as tools, and mirror states in the device's shared state.

    Raises:
        WireError: ``too_many`` methods or states.
    """
    if iot.states:
        # First, so that what is too large for the mirror is not kept for the tools either.
        try:
            conn.services.states.get(device_state(conn.device_id)).patch({"things": iot.states})
        except StateError as error:
            raise WireError(str(error), "too_many") from None
    conn.tools.on_iot(iot)
