"""``iot``: tools and states of legacy devices."""

from posewire.errors import WireError
from posewire.hub.state import StateError
from posewire.server.connection.peer import Peer
from posewire.server.state.shared_states import StateDirectory, device_state
from posewire.wire.requests import Iot


def handle_iot(states: StateDirectory, peer: Peer, iot: Iot) -> None:
    """Register methods as tools, and mirror states in the device's shared state.

    Raises:
        WireError: ``too_many``: there are too many methods or states.
    """
    # The state and the tools are changed both or neither.
    content = peer.tools.with_iot(iot)
    if iot.states:
        try:
            states.get(device_state(peer.device_id)).patch({"things": iot.states})
        except StateError as error:
            raise WireError(str(error), "too_many") from None
    peer.tools.replace_iot(content)
