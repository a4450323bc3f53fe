"""``event``: a device reports something that happened."""

import time
from typing import TYPE_CHECKING

from posewire.wire.messages import Message, field

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_event(conn: "ConnectionHandler", message: Message) -> None:
    """Do what the settings say about events of this name.

    Raises:
        WireError: no name, or data that is no object.
    """
    conn.services.push.events.take(
        conn, field(message, "name", str), field(message, "data", dict, {}), time.monotonic()
    )
