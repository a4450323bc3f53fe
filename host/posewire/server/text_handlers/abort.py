"""``abort``: the user interrupts; every stage of the turn stops at once."""

from typing import TYPE_CHECKING

from posewire.wire.messages import Message, field

if TYPE_CHECKING:
    from posewire.server.connection import ConnectionHandler


def handle_abort(conn: "ConnectionHandler", message: Message) -> None:
    """Abort the running turn; without one, nothing happens."""
    conn.log.info("abort", reason=field(message, "reason", str, "")[:40])
    if conn.voice is not None:
        conn.voice.abort()
