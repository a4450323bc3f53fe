"""Limits on how much one connection may send: a token bucket for each kind of frame."""

from time import monotonic

GIVE_UP = 20
"""How many times its burst a flood may have dropped before the connection is closed."""


class Bucket:
    """Tokens for one kind of frame. It is filled up only when it is empty: a message costs one subtraction.

    ``dropped`` counts the messages of the flood that goes on; 0 when there is none.
    """

    __slots__ = ("_burst", "_left", "_rate", "_since", "dropped")

    def __init__(self, rate: float, burst: int) -> None:
        self.dropped = 0
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._since = monotonic()

    def take(self) -> bool:
        """Take a token for a message; False: it is one too many."""
        self._left -= 1
        return self._left >= 0 or self._refill()

    @property
    def hopeless(self) -> bool:
        """Whether the flood has gone on for so long that it is no accident."""
        return self.dropped > GIVE_UP * self._burst

    def _refill(self) -> bool:
        if not self._rate:
            self._left = self._burst
            return True
        now = monotonic()
        gained = (now - self._since) * self._rate
        if gained < 1:
            self._left = 0
            self.dropped += 1
            return False
        self._since = now
        self._left = min(self._burst, int(gained)) - 1
        if gained >= self._rate:
            # A second's worth was left over: the flood is over.
            self.dropped = 0
        return True
