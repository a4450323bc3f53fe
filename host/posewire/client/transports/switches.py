"""When a connection goes by another transport, and a record of how often it did."""

import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import Any

from posewire.errors import ConfigError

_KEPT = 50


@dataclass(frozen=True)
class FallbackPolicy:
    """When the first of two transports is left, and when it is tried again.

    It is left when at least ``share`` of its last ``window`` probes have failed: one is sent every ``interval_s``
    seconds, and has failed when nothing at all has come for ``patience_s`` after it (longer where the round trip is).
    It is tried again every ``probe_s`` seconds. ``replay``: frames that are kept to be sent again by the other.
    """

    share: float = 0.8
    window: int = 5
    interval_s: float = 0.08
    patience_s: float = 0.2
    probe_s: float = 30.0
    replay: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or self.window < 1 or self.replay < 0:
            raise ConfigError("share must be more than 0 and at most 1, window 1 or more, replay 0 or more")
        if min(self.interval_s, self.patience_s, self.probe_s) <= 0:
            raise ConfigError("interval_s, patience_s and probe_s must be more than 0")


class FailureShare:
    """The share of the last attempts that have failed."""

    def __init__(self, policy: FallbackPolicy) -> None:
        self._policy = policy
        self._failed: deque[bool] = deque(maxlen=policy.window)

    def note(self, failed: bool) -> bool:
        """Note an attempt; True: so many have failed that the transport is to be left."""
        self._failed.append(failed)
        enough = len(self._failed) == self._failed.maxlen
        return enough and sum(self._failed) / len(self._failed) >= self._policy.share


@dataclass(frozen=True)
class Switch:
    """One change of the transport. ``at``: seconds since 1970. ``after_s``: how long the one before was in use.

    ``replayed``: frames that were sent again; through a conference bytes. ``address``: of the host, where a session has
    begun at another than before.
    """

    at: float
    before: str
    now: str
    cause: str
    after_s: float
    replayed: int = 0
    address: str = ""


class SwitchLog:
    """The last 50 switches of a connection, over all of its sessions, and how long each transport was in use."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """How many, by the transport that was switched to."""

        self.probes: Counter[str] = Counter()
        """Attempts to use the first transport again: ``opened``, ``failed``."""

        self._last: deque[Switch] = deque(maxlen=_KEPT)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._using = ""
        self._since = time.monotonic()

    def using(self, transport: str) -> None:
        """Note that a transport is in use from now on: a session has begun."""
        self._close()
        self._using = transport

    def note(self, now: str, cause: str, replayed: int = 0, address: str = "") -> Switch:
        """Note a switch, and return it."""
        before, after = self._using, self._close()
        self._using = now
        switch = Switch(time.time(), before, now, cause, after, replayed, address)
        self.counts[now] += 1
        self._last.append(switch)
        return switch

    def as_dict(self) -> dict[str, Any]:
        """Return for JSON ``switches`` (the last ones), ``counts``, ``probes``, and ``seconds`` by transport."""
        self._close()
        return {
            "switches": [vars(switch) for switch in self._last],
            "counts": dict(self.counts),
            "probes": dict(self.probes),
            "seconds": dict(self._seconds),
        }

    def _close(self) -> float:
        """Add the time of the transport in use up to now; returns it."""
        now = time.monotonic()
        seconds, self._since = now - self._since, now
        if self._using:
            self._seconds[self._using] += seconds
        return seconds
