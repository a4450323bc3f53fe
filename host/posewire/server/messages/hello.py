"""``hello``: the device introduces itself; the host answers with the session."""

from typing import TYPE_CHECKING

from posewire.wire.audio import negotiate
from posewire.wire.messages import Hello

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_hello(conn: "ConnectionHandler", hello: Hello) -> None:
    """Greet on the first hello; answer again on a later one.

    Raises:
        WireError: no audio format is common (``unsupported_audio``).
    """
    if conn.hello is not None:
        conn.answer_hello()
        return
    conn.greet(hello, negotiate(hello))
