"""``goodbye``: the device is done."""

from typing import TYPE_CHECKING

from posewire.wire.messages import Message

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_goodbye(conn: "ConnectionHandler", message: Message) -> None:
    """Close; nothing is kept for a resume."""
    conn.leave_for_good()
    conn.close(1000, "goodbye")
