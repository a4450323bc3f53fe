"""``listen``: the microphone, and typed text."""

from typing import TYPE_CHECKING

from posewire.errors import WireError
from posewire.wire.messages import Listen

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_listen(conn: "ConnectionHandler", listen: Listen) -> None:
    """Start or stop a listening turn, or take a text.

    Raises:
        WireError: this host runs without a voice pipeline.
    """
    if conn.voice is None:
        raise WireError("this host runs without a voice pipeline", "not_available")
    match listen.state:
        case "start":
            conn.log.info("listen", mode=listen.mode)
            conn.voice.start(listen.mode)
        case "stop":
            conn.voice.stop()
        case "detect":
            conn.log.info("text", text=listen.text)
            conn.voice.text(listen.text)
