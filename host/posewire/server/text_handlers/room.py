"""``room``: join and leave rooms."""

from typing import TYPE_CHECKING

from posewire.wire.messages import RoomAction

if TYPE_CHECKING:
    from posewire.server.connection import ConnectionHandler


def handle_room(conn: "ConnectionHandler", action: RoomAction) -> None:
    """Join or leave.

    Raises:
        WireError: the token does not grant it.
        RoomError: the room is full.
    """
    if action.action == "join":
        principal = conn.identity.principal
        principal.require(f"room.join:{action.room}")
        if action.publish:
            principal.require(f"room.publish:{action.room}")
        conn.join_room(action)
    else:
        conn.leave_room()
