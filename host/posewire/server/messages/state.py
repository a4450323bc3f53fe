"""``state``: follow a shared state, or change it."""

from posewire.errors import WireError
from posewire.hub.state import StateError
from posewire.server.connection.peer import Peer
from posewire.server.state.shared_states import StateDirectory
from posewire.wire.requests import StateRequest


def handle_state(states: StateDirectory, peer: Peer, request: StateRequest) -> None:
    """Answer with the whole state or the changes that the peer lacks; apply a patch, which all subscribers get.

    Raises:
        WireError: ``forbidden``: this peer may not read or change the state; ``not_found``: there is no such state, or
            its room or device is not here; ``too_many``: it, or all states, would become too large.
    """
    if request.action == "unsubscribe":
        states.unsubscribe(peer.session_id, request.name)
        return
    states.check(request.name, peer.identity.principal, peer.device_id, peer.room_name, write=request.action == "patch")
    state = states.of_owner(request.name) if request.action == "patch" else states.read(request.name)
    match request.action:
        case "subscribe":
            states.subscribe(peer.session_id, request.name)
            for message in state.since(request.version):
                peer.send(message)
        case "get":
            peer.send(state.whole())
        case "patch":
            try:
                state.patch(request.changes or {}, base=request.base, patch_id=request.patch_id)
            except StateError as error:
                if not error.stale:
                    raise WireError(str(error), "too_many") from None
                # The peer has missed a change: with the whole state it can make its own again.
                peer.send({**state.whole(), "refused": request.patch_id})
