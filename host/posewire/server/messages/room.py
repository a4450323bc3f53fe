"""``room``: joining and leaving, and what members and owners do in a room."""

from typing import TYPE_CHECKING

from posewire.errors import WireError
from posewire.server.connection.room_link import join_room
from posewire.wire.messages import RoomAction

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_room(conn: "ConnectionHandler", action: RoomAction) -> None:
    """Do what the message asks.

    Raises:
        WireError: the token does not grant it, or the peer is in no room.
        RoomError: the room is full, locked, denied, not there; or the peer does not host it.
    """
    match action.action:
        case "create" | "join":
            principal = conn.identity.principal
            principal.require(f"room.join:{action.room}")
            if action.publish:
                principal.require(f"room.publish:{action.room}")
            join_room(conn, action)
        case "leave":
            if conn.seat is not None:
                conn.seat.leave()
        case "list":
            allows = conn.identity.principal.allows
            rooms = [room for room in conn.services.rooms.describe() if allows(f"room.join:{room['room']}")]
            conn.send({"type": "room", "event": "rooms", "rooms": rooms})
        case _:
            if conn.seat is None:
                raise WireError("join a room first", "not_in_room")
            conn.seat.act(action)
