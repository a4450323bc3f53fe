"""So many requests a minute of one address."""

import time
from collections import deque

from posewire.errors import WireError

_MAX_PEERS = 1000


class RateLimit:
    """``take`` counts and refuses; addresses that have been quiet for longest are forgotten."""

    def __init__(self, per_window: int = 30, window: float = 60.0) -> None:
        self._per_window = per_window
        self._window = window
        self._times: dict[str, deque[float]] = {}

    def take(self, address: str) -> None:
        """Count a request.

        Raises:
            WireError: ``too_many``.
        """
        now = time.monotonic()
        times = self._times.pop(address, None) or deque()
        while times and now - times[0] > self._window:
            times.popleft()
        self._times[address] = times
        while len(self._times) > _MAX_PEERS:
            del self._times[next(iter(self._times))]
        if len(times) >= self._per_window:
            raise WireError(f"at most {self._per_window} requests a minute: try again later", "too_many")
        times.append(now)
