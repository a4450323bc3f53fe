"""``iot``: legacy device tools."""

from typing import TYPE_CHECKING

from posewire.wire.messages import Message

if TYPE_CHECKING:
    from posewire.server.connection import ConnectionHandler


def handle_iot(conn: "ConnectionHandler", message: Message) -> None:
    """Register descriptors as tools; states are not mirrored yet.

    Raises:
        WireError: a descriptor of the wrong shape.
    """
    conn.tools.on_iot(message)
