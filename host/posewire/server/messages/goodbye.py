"""``goodbye``: the device ends its session."""

from posewire.server.connection.peer import Peer
from posewire.wire.close_codes import NORMAL
from posewire.wire.messages import Message


def handle_goodbye(peer: Peer, message: Message) -> None:
    """Close; the session cannot be resumed."""
    peer.leave_for_good()
    peer.close(NORMAL, "goodbye")
