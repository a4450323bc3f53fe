"""Limits on the requests of one peer in a window of time."""

import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import TypeVar

from posewire.address_group import address_group
from posewire.errors import PairingPendingError, WireError
from posewire.loopback import is_loopback

_T = TypeVar("_T")
_MAX_PEERS = 1000


class RateLimit:
    """At most ``per_window`` requests of a peer in ``window`` seconds; the peers quiet for longest are forgotten.

    A peer is an address, or any other value that tells peers apart.
    """

    def __init__(self, per_window: int = 30, window: float = 60.0) -> None:
        self._per_window = per_window
        self._window = window
        self._times: dict[Hashable, deque[float]] = {}

    def count(self, peer: Hashable) -> None:
        """Count a request of an address.

        Raises:
            WireError: ``too_many``.
        """
        self.check(peer)
        self._times.setdefault(peer, deque()).append(time.monotonic())
        while len(self._times) > _MAX_PEERS:
            del self._times[next(iter(self._times))]

    def check(self, peer: Hashable) -> None:
        """Refuse a request that would be one too many, without counting it.

        Raises:
            WireError: ``too_many``.
        """
        now = time.monotonic()
        times = self._times.pop(peer, None)
        while times and now - times[0] > self._window:
            times.popleft()
        if not times:
            return
        self._times[peer] = times
        if len(times) >= self._per_window:
            raise WireError(
                f"at most {self._per_window} requests in {self._window:.0f} seconds: try again later", "too_many"
            )


class FailureLimit:
    """Refuses all requests of an address that has sent too many wrong tokens; this machine's own are not counted."""

    def __init__(self, per_window: int = 60) -> None:
        self._failures = RateLimit(per_window)

    def attempt(self, address: str, authenticate: Callable[[], _T]) -> _T:
        """Return the result of ``authenticate``, and count its failure.

        Raises:
            WireError: ``too_many``, or the error of ``authenticate``.
        """
        if is_loopback(address):
            return authenticate()
        group = address_group(address)
        self._failures.check(group)
        try:
            return authenticate()
        except PairingPendingError:
            # Devices that wait try again and again, and a whole class of them may be behind one address.
            raise
        except WireError as error:
            if error.code == "unauthorized":
                self._failures.count(group)
            raise
