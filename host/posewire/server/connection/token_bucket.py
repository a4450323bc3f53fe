"""Limits on how much one connection may send: a token bucket for each kind of frame."""

from time import monotonic

ABUSE = 20
"""Times its burst that a flood of messages may have dropped before it counts as abuse."""


class TokenBucket:
    """Tokens for one kind of frame: ``rate`` a second, at most ``burst`` at once; a rate of 0 means no limit.

    It is filled up only when it is empty, so that a message costs one subtraction.
    """

    __slots__ = ("_abuse", "_burst", "_left", "_rate", "_since", "dropped")

    def __init__(self, rate: float, burst: int, abuse: int = ABUSE) -> None:
        """``abuse``: times its burst that a flood may have dropped before it counts as abuse."""
        self._abuse = abuse
        self.dropped = 0
        """Messages that the present flood has cost; 0 when there is none."""

        self._rate = rate
        self._burst = burst
        self._left = burst
        self._since = monotonic()

    def try_acquire(self) -> bool:
        """Take a token for one message; return False if there is none."""
        self._left -= 1
        return self._left >= 0 or self._refill()

    @property
    def is_abusive(self) -> bool:
        """Whether the flood has gone on for so long that it is no accident."""
        return self.dropped > self._abuse * self._burst

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
