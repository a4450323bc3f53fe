"""``hello``: the device introduces itself; the host answers with the session."""

from posewire.server.connection.peer import Peer
from posewire.wire.audio import negotiate
from posewire.wire.messages import Hello


def handle_hello(peer: Peer, hello: Hello) -> None:
    """Greet on the first hello; answer again on a later one.

    Raises:
        WireError: ``unsupported_audio``: device and host have no audio format in common.
    """
    if peer.hello is not None:
        peer.answer_hello()
        return
    peer.greet(hello, negotiate(hello))
