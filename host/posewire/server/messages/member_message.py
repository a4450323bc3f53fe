"""``room``, action ``send``: a message from one member of a room to others."""

from posewire.errors import WireError
from posewire.server.connection.peer import Peer
from posewire.wire.room_actions import RoomAction


def send_member_message(peer: Peer, action: RoomAction) -> None:
    """Pass the message on. A refusal names the message, since its sender may have sent others meanwhile."""
    assert action.message is not None
    try:
        _check_room(peer, action.room)
        peer.identity.principal.require(f"room.publish:{peer.room_name}")
        peer.room.handle(action)
    except WireError as error:
        refusal = {"number": action.message.number, "code": error.code, "message": str(error)}
        peer.send({"type": "room", "event": "refused", "room": action.room or peer.room_name, **refusal})


def _check_room(peer: Peer, room: str) -> None:
    if not peer.room_name or room not in ("", peer.room_name):
        raise WireError("join the room first", "not_in_room")
