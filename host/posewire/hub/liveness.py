"""Whether the other end of a connection is alive: by what comes from it, and by what it takes.

Not every device in the field answers WebSocket pings. One that takes what it is sent is alive, too: only a connection
on which nothing moves in either direction is gone.
"""


class Liveness:
    """The watch over one connection that was silent and is pinged now; there is a new one for each ping."""

    __slots__ = ("_alive", "_asked", "_taken")

    def __init__(self, now: float, taken: int) -> None:
        self._asked = self._alive = now
        self._taken = taken

    def answered(self, last_received: float) -> bool:
        """Tell whether something has come since the ping."""
        return last_received >= self._asked

    def gone(self, now: float, taken: int, within: float) -> bool:
        """Tell whether nothing has moved for so many seconds. ``taken`` is the amount that the other end has taken."""
        if taken > self._taken:
            self._alive, self._taken = now, taken
        return now - self._alive >= within
