"""The counts of a connection."""

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any


@dataclass
class ConnectionStatistics:
    """Counts of one connection, over all of its reconnects.

    ``attempts``, ``successes``: of connecting. ``messages_in`` …: text and binary messages and their bytes, without the
    WebSocket's own. ``errors``: by code, those that the host reported and those of connecting.
    """

    attempts: int = 0
    successes: int = 0
    failures_in_a_row: int = 0
    reconnects: int = 0
    resumed: int = 0
    refused: int = 0
    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    resent: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    connected_since: float | None = None
    """Seconds since 1970; None while it is not connected."""

    last_received: float = field(default_factory=monotonic)
    """When something last came, on ``time.monotonic``'s clock."""

    away_since: float | None = None
    """When the connection was lost, on ``time.monotonic``'s clock; None while it is connected."""

    longest_away_s: float = 0.0

    def connected(self, resumed: bool) -> None:
        """Note that the connection is there (again); ``resumed``: with the session from before."""
        self.resumed += resumed
        self.successes += 1
        self.failures_in_a_row = 0
        self.connected_since = time()
        if self.away_since is not None:
            self.reconnects += 1
            self.longest_away_s = max(self.longest_away_s, monotonic() - self.away_since)
        self.away_since = None

    def lost(self) -> None:
        """Note that the connection is gone."""
        self.connected_since = None
        self.away_since = monotonic()

    def received(self, size: int) -> None:
        """Count a message that came; 0: the connection has just been opened."""
        self.messages_in += size > 0
        self.bytes_in += size
        self.last_received = monotonic()

    def sent(self, size: int) -> None:
        """Count a message that was sent."""
        self.messages_out += 1
        self.bytes_out += size

    @property
    def success_rate(self) -> float:
        """The share of attempts to connect that succeeded; 1 before the first."""
        return self.successes / self.attempts if self.attempts else 1.0

    def as_dict(self) -> dict[str, Any]:
        """Return the counts for JSON."""
        names = (
            "attempts", "successes", "failures_in_a_row", "reconnects", "resumed", "refused", "messages_in",
            "messages_out", "bytes_in", "bytes_out", "resent", "connected_since", "longest_away_s", "success_rate",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names} | {"errors": dict(self.errors)}
