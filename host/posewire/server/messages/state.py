"""``state``: follow a shared state, or change it."""

from typing import TYPE_CHECKING

from posewire.errors import WireError
from posewire.hub.state import StateError
from posewire.wire.requests import StateRequest

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_state(conn: "ConnectionHandler", request: StateRequest) -> None:
    """Answer with the whole state or what is missing of it; pass changes on to all who follow it.

    Raises:
        WireError: ``forbidden``: not this peer's to see or to change; ``not_found``: there is no such state.
    """
    states = conn.services.states
    if request.action == "unsubscribe":
        states.unsubscribe(conn.session_id, request.name)
        return
    room = conn.seat.room.name if conn.seat is not None else ""
    states.check(request.name, conn.identity.principal, conn.device_id, room, write=request.action == "patch")
    state = states.get(request.name) if request.action == "patch" else states.read(request.name)
    match request.action:
        case "subscribe":
            states.subscribe(conn.session_id, request.name)
            for message in state.since(request.version):
                conn.send(message)
        case "get":
            conn.send(state.whole())
        case "patch":
            try:
                state.patch(request.changes or {}, base=request.base, patch_id=request.patch_id)
            except StateError as error:
                if not error.stale:
                    raise WireError(str(error), "too_many") from None
                # The peer has missed something: with the whole it can make its change again.
                conn.send({**state.whole(), "refused": request.patch_id})
