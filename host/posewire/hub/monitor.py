"""Watches the connections of a pool: who is gone without saying so, who does nothing, how many there are.

A TCP connection whose other end has vanished looks open for minutes or for ever. So whoever has been silent is asked
for a sign of life, and given up when none comes. Not every device answers pings: one that takes what it is sent is
alive, too. One sweep looks at all connections: no timer per connection.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

from posewire.hub.liveness import Liveness
from posewire.hub.pool import C, ConnectionPool
from posewire.wire.close_codes import IDLE, INTERNAL_ERROR


@dataclass(frozen=True)
class Limits:
    """Times in seconds: silence before a ping (0: never), for any sign of life after it, without a message before an
    idle end (0: never), of a sweep.
    """

    ping_after: float = 20.0
    answer_within: float = 20.0
    idle_after: float = 0.0
    sweep: float = 2.0


class ConnectionMonitor(Generic[C]):
    """Call ``check`` now and then, or keep ``run`` running."""

    def __init__(
        self, pool: ConnectionPool[C], limits: Limits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.limits = limits or Limits()
        self.counters: Counter[str] = Counter()
        """Totals since start: ``pings``, ``zombies`` (no sign of life), ``idle``."""
        self._pool = pool
        self._clock = clock
        self._asked: dict[str, Liveness] = {}
        self._messages: dict[str, tuple[int, float]] = {}
        """Of each connection, where idle ones are ended: how many messages it had when that last changed, and when."""
        self._ended: dict[str, C] = {}

    def check(self) -> list[str]:
        """Look at every connection once: ask the silent ones, end the gone ones; returns the ids that were ended."""
        now = self._clock()
        asked, ended, seen, closing = self._asked, self._ended, self._messages, {}
        self._asked, self._ended, self._messages = {}, {}, {}
        for connection_id, connection in self._pool.items():
            if ended.get(connection_id) is connection:
                # Its closing handshake takes a while.
                closing[connection_id] = connection
                continue
            try:
                if self.limits.idle_after:
                    self._note_messages(connection_id, connection, seen.get(connection_id))
                self._check(connection_id, connection, now, asked.get(connection_id))
            except Exception:
                # One broken connection must not keep the others from being watched.
                logging.getLogger(__name__).exception("watching %s failed", connection_id)
        ids = list(self._ended)
        self._ended |= closing
        return ids

    def _check(self, connection_id: str, connection: C, now: float, asked: Liveness | None) -> None:
        limits = self.limits
        silent = now - connection.last_received
        if limits.idle_after and (idle := now - self._messages[connection_id][1]) >= limits.idle_after:
            self._end(connection_id, connection, "idle", IDLE, f"no message for {idle:.0f} s")
        elif limits.ping_after and silent >= limits.ping_after:
            delivered = connection.delivered
            if asked is None or asked.answered(connection.last_received):
                self.counters["pings"] += 1
                self._asked[connection_id] = Liveness(now, delivered)
                connection.ping()
            elif not asked.gone(now, delivered, limits.answer_within):
                self._asked[connection_id] = asked
            else:
                self._end(connection_id, connection, "zombies", INTERNAL_ERROR, "keepalive ping timeout")

    def _note_messages(self, connection_id: str, connection: C, seen: tuple[int, float] | None) -> None:
        """Note how many messages there are. The last one came no later than anything else, a sign of life included."""
        count = connection.messages
        if seen is None or seen[0] != count:
            seen = (count, connection.last_received)
        self._messages[connection_id] = seen

    def _end(self, connection_id: str, connection: C, counter: str, code: int, reason: str) -> None:
        self.counters[counter] += 1
        self._ended[connection_id] = connection
        connection.close(code, reason)

    async def run(self) -> None:
        """Check all connections again and again, until cancelled."""
        while True:
            await asyncio.sleep(self.limits.sweep)
            self.check()

    def statistics(self) -> dict[str, Any]:
        """Return counts: connections, those congested, those asked for a sign of life, groups by kind; and totals."""
        connections = list(self._pool)
        return {
            "connections": len(connections),
            "congested": sum(connection.congested for connection in connections),
            "silent": len(self._asked),
            "groups": dict(Counter(group.kind for group in self._pool.groups())),
            **self.counters,
        }

    def describe(self, connection_id: str) -> dict[str, Any] | None:
        """Return one connection: device, groups, seconds of silence, whether it is congested."""
        connection = self._pool.get(connection_id)
        if connection is None:
            return None
        return {
            "id": connection_id,
            "device": self._pool.device_of(connection_id),
            "groups": [f"{group.kind}:{group.name}" for group in self._pool.groups(connection_id)],
            "silent": round(self._clock() - connection.last_received, 3),
            "congested": connection.congested,
        }
