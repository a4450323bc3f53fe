"""Messages to one connection, to a group, to all."""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Generic, NamedTuple

from posewire.hub.pool import C, ConnectionPool, Group

Content = str | bytes | Mapping[str, Any]
"""A text message, a binary message, or an object to send as JSON text."""

BROKEN = 1011
"""Close code for a connection that fails to send (RFC 6455 section 7.4.1)."""


class Delivery(NamedTuple):
    """The outcome of one message: the numbers of connections that got it, were skipped as congested, or failed."""

    sent: int = 0
    skipped: int = 0
    failed: int = 0


class MessageDispatcher(Generic[C]):
    """Sends to the connections of a pool. A connection that fails is closed; the others get the message."""

    def __init__(self, pool: ConnectionPool[C]) -> None:
        self.pool = pool
        self.counters: Counter[str] = Counter()
        """Totals since start: ``sent``, ``skipped``, ``failed``."""

    def to(self, connection_id: str, content: Content) -> bool:
        """Send to one connection; False when it is not in the pool, or fails."""
        connection = self.pool.get(connection_id)
        return connection is not None and self._send([(connection_id, connection)], content, False).sent == 1

    def to_device(self, device: str, content: Content) -> bool:
        """Send to the connection of a device; False when it is not in the pool, or fails."""
        connection = self.pool.device(device)
        return connection is not None and self._send([(device, connection)], content, False).sent == 1

    def to_group(self, group: Group, content: Content, *, but: Iterable[str] = (), droppable: bool = False) -> Delivery:
        """Send to a group, except to the ids in ``but``. ``droppable``: congested connections miss this message."""
        skip = frozenset(but)
        return self._send([item for item in self.pool.group(group) if item[0] not in skip], content, droppable)

    def to_all(self, content: Content, *, but: Iterable[str] = (), droppable: bool = False) -> Delivery:
        """Send to all connections, with the same options."""
        skip = frozenset(but)
        return self._send([item for item in self.pool.items() if item[0] not in skip], content, droppable)

    def _send(self, receivers: list[tuple[str, C]], content: Content, droppable: bool) -> Delivery:
        message = content if isinstance(content, (str, bytes)) else dump(content)
        sent = skipped = failed = 0
        for connection_id, connection in receivers:
            if droppable and connection.congested:
                skipped += 1
                continue
            try:
                if isinstance(message, str):
                    connection.send_text(message)
                else:
                    connection.send_binary(message)
            except Exception:
                failed += 1
                logging.getLogger(__name__).exception("sending to %s failed", connection_id)
                self._give_up(connection)
            else:
                sent += 1
        self.counters.update(sent=sent, skipped=skipped, failed=failed)
        return Delivery(sent, skipped, failed)

    def _give_up(self, connection: C) -> None:
        try:
            connection.close(BROKEN, "sending failed")
        except Exception:
            logging.getLogger(__name__).exception("closing failed")


def dump(content: Mapping[str, Any]) -> str:
    """Serialise an object in compact JSON."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
