"""The connections that have not sent a whole request yet: bounded before they cost much."""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from posewire.address_group import address_group
from posewire.log import EventLog, LineLimit
from posewire.loopback import is_loopback

MAX_WAITING = 4000
"""Connections whose first request is not complete; one more cuts the one that has waited longest."""

MAX_TLS = 500
"""Those of them that have begun TLS, which costs a hundred times as much as a silent connection."""

RESERVED = 192
"""Open files that new connections leave for what the host itself opens, and for the answers to those beyond the limit;
a quarter of the limit, where that is less."""

MAX_BYTES = 8 * 1024 * 1024
"""Bytes of incomplete requests that are kept for all of them."""


class Opening(Protocol):
    """One of these connections."""

    def abort(self) -> None:
        """Cut the connection."""


class Openings:
    """All of one listener, oldest first; beyond a limit the one that has waited longest is cut.

    ``per_address`` returns the most that one address may have (0: no limit; this machine has none). ``descriptors`` is
    the process's limit on open files (0: unknown). ``counters`` get ``openings_cut`` and ``out_of_descriptors``.
    """

    def __init__(
        self,
        per_address: Callable[[], int] = lambda: 0,
        descriptors: int = 0,
        counters: Counter[str] | None = None,
    ) -> None:
        self._per_address = per_address
        self._counters: Counter[str] = Counter() if counters is None else counters
        self._last_descriptor = descriptors - min(RESERVED, descriptors // 4) if descriptors else sys.maxsize
        self._log = EventLog(LineLimit())
        self._addresses: dict[Opening, str] = {}
        self._of_address: dict[str, dict[Opening, None]] = {}
        self._tls: dict[Opening, None] = {}
        self._bytes: dict[Opening, int] = {}
        self._total_bytes = 0

    def __len__(self) -> int:
        """Return how many connections wait."""
        return len(self._addresses)

    def add(self, opening: Opening, address: str, descriptor: int = -1) -> bool:
        """Count a new connection; return False if its descriptor is one of the last that the process may have.

        The system gives away the lowest that is free: a high one tells that all below it are in use.
        """
        if descriptor >= self._last_descriptor:
            self._counters["out_of_descriptors"] += 1
            self._log.warning("out_of_descriptors", used=descriptor)
            return False
        group = address_group(address)
        self._addresses[opening] = group
        same = self._of_address.setdefault(group, {})
        same[opening] = None
        most = self._per_address()
        if most and len(same) > most and not is_loopback(address):
            self._cut(next(iter(same)))
        if len(self._addresses) > MAX_WAITING:
            self._cut(next(iter(self._addresses)))
        return True

    def begin_tls(self, opening: Opening) -> None:
        """Count a connection that begins TLS."""
        self._tls[opening] = None
        if len(self._tls) > MAX_TLS:
            self._cut(next(iter(self._tls)))

    def received(self, opening: Opening, count: int) -> None:
        """Count bytes that are kept for a connection until its request is complete."""
        # The one that grows becomes the newest: a request that came in one piece is not cut for one that trickles.
        self._bytes[opening] = self._bytes.pop(opening, 0) + count
        self._total_bytes += count
        while self._total_bytes > MAX_BYTES and self._bytes:
            self._cut(next(iter(self._bytes)))

    def remove(self, opening: Opening) -> None:
        """Forget a connection: it has sent its request, or is gone. Harmless when repeated."""
        group = self._addresses.pop(opening, None)
        if group is None:
            return
        same = self._of_address[group]
        del same[opening]
        if not same:
            del self._of_address[group]
        self._tls.pop(opening, None)
        self._total_bytes -= self._bytes.pop(opening, 0)

    def _cut(self, opening: Opening) -> None:
        self._counters["openings_cut"] += 1
        self.remove(opening)
        opening.abort()
