"""``abort``: the user interrupts; every stage of the turn stops at once."""

from posewire.server.connection.peer import Peer
from posewire.wire.requests import Abort


def handle_abort(peer: Peer, abort: Abort) -> None:
    """Abort the running turn; does nothing when there is none."""
    peer.log.info("abort", reason=abort.reason)
    peer.voice.abort()
