"""``abort``: the user interrupts; every stage of the turn stops at once."""

from typing import TYPE_CHECKING

from posewire.wire.requests import Abort

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_abort(conn: "ConnectionHandler", abort: Abort) -> None:
    """Abort the running turn; without one, nothing happens."""
    conn.log.info("abort", reason=abort.reason)
    if conn.voice is not None:
        conn.voice.abort()
