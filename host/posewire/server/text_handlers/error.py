"""``error``: the device refused something of ours."""

from typing import TYPE_CHECKING

from posewire.wire.messages import Message, field

if TYPE_CHECKING:
    from posewire.server.connection import ConnectionHandler


def handle_error(conn: "ConnectionHandler", message: Message) -> None:
    """Log it."""
    code, why = field(message, "code", str, ""), field(message, "message", str, "")
    conn.log.warning("device_error", code=code[:40], why=why[:200])
