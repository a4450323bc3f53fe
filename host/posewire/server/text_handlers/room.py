"""``room``: join and leave rooms."""

from typing import TYPE_CHECKING

from posewire.wire.messages import Message, parse_room

if TYPE_CHECKING:
    from posewire.server.connection import ConnectionHandler


def handle_room(conn: "ConnectionHandler", message: Message) -> None:
    """Join or leave.

    Raises:
        WireError: the action makes no sense.
        RoomError: the room is full.
    """
    action = parse_room(message)
    if action.action == "join":
        conn.join_room(action)
    else:
        conn.leave_room()
