"""Pauses between attempts: each twice as long as the one before, up to a limit, with some chance in it."""

import random


class Backoff:
    """The pauses of one series of attempts.

    Each is a random time between half and all of its nominal length, so that many who lost the same server do not come
    back at the same moment. ``first`` and ``longest``: nominal lengths in seconds.
    """

    def __init__(self, first: float, longest: float, chance: random.Random | None = None) -> None:
        self.failures = 0
        """Pauses since the start, or since the last success."""

        self._first = first
        self._longest = longest
        self._uniform = random.uniform if chance is None else chance.uniform

    def next_pause(self) -> float:
        """Count a failure and return the seconds to wait before the next attempt."""
        # The exponent is bounded: a float has no 2 to the power of 1024.
        nominal = min(self._longest, self._first * 2.0 ** min(self.failures, 64))
        self.failures += 1
        return nominal * self._uniform(0.5, 1.0)

    def reset(self) -> None:
        """Start again with the first pause: an attempt has succeeded."""
        self.failures = 0
