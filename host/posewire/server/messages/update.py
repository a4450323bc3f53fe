"""``update``: a board takes part in the update of its firmware."""

from collections import Counter

from posewire.server.connection.peer import Peer
from posewire.update.service import UpdateService
from posewire.wire.messages import Message


def handle_update(updates: UpdateService, counters: Counter[str], peer: Peer, message: Message) -> None:
    """Continue the update.

    Raises:
        WireError: a field is missing or not valid.
    """
    before = updates.get(peer.device_id)
    stage = before.stage if before is not None else None
    updates.on_message(peer.device_id, peer.send, message)
    after = updates.get(peer.device_id)
    if after is not None and after.stage != stage:
        counters[f"update_{after.stage}"] += 1
        peer.log.info("update", stage=after.stage, version=after.version, code=after.code, why=after.message)
