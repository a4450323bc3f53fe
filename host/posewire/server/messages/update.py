"""``update``: a board on its way to new firmware."""

from typing import TYPE_CHECKING

from posewire.wire.messages import Message

if TYPE_CHECKING:
    from posewire.server.connection.handler import ConnectionHandler


def handle_update(conn: "ConnectionHandler", message: Message) -> None:
    """Let the update go on.

    Raises:
        WireError: a field makes no sense.
    """
    updates = conn.services.updates
    before = updates.get(conn.device_id)
    stage = before.stage if before is not None else None
    updates.on_message(conn.device_id, conn.send, message)
    after = updates.get(conn.device_id)
    if after is not None and after.stage != stage:
        conn.services.counters[f"update_{after.stage}"] += 1
        conn.log.info("update", stage=after.stage, version=after.version, code=after.code, why=after.message)
