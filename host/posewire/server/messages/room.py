"""``room``: join and leave a room, and the actions of members."""

from dataclasses import replace

from posewire.identity.principal import Principal
from posewire.rooms.directory import RoomDirectory
from posewire.server.connection.peer import Peer
from posewire.server.messages.member_message import send_member_message
from posewire.wire.room_actions import RoomAction


def handle_room(rooms: RoomDirectory, peer: Peer, action: RoomAction) -> None:
    """Carry out the action.

    Raises:
        WireError: the token does not grant it, or the peer is in no room.
        RoomError: the room is full, locked or missing, or does not admit the peer; or the peer does not own it.
    """
    principal = peer.identity.principal
    match action.action:
        case "create" | "join":
            watches = not principal.allows(f"room.join:{action.room}") and principal.allows(f"room.watch:{action.room}")
            if watches:
                # Who may only watch makes no room, and is never the owner of one.
                action = replace(action, action="join", open=False, watch=True)
            else:
                principal.require(f"room.join:{action.room}")
            if action.publish:
                principal.require(f"room.publish:{action.room}")
            peer.room.join(action)
        case "leave":
            peer.room.leave()
        case "list":
            visible = [room for room in rooms.describe() if may_enter(principal, room["room"])]
            peer.send({"type": "room", "event": "rooms", "rooms": visible})
        case "send":
            send_member_message(peer, action)
        case _:
            peer.room.handle(action)


def may_enter(principal: Principal, room: str) -> bool:
    """Tell whether somebody may be in a room, be it to watch only."""
    return principal.allows(f"room.join:{room}") or principal.allows(f"room.watch:{room}")
