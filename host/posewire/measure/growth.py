"""How much a value has grown within a window of time: a leak grows, a working set goes up and down."""

from collections import deque


class Growth:
    """Keeps values of the last ``window`` seconds, at most one in ``every`` seconds.

    ``whole``: there is no growth to speak of before a whole window has passed.
    """

    def __init__(self, window: float, *, every: float = 0.0, whole: bool = False) -> None:
        self._window = window
        self._every = every
        self._whole = whole
        self._kept: deque[tuple[float, float]] = deque()

    def add(self, now: float, value: float) -> float | None:
        """Take the value of this moment; returns its growth since the beginning of the window, None: not known yet."""
        if not self._kept or now - self._kept[-1][0] >= self._every:
            self._kept.append((now, value))
        while len(self._kept) > 1 and self._is_over(now):
            self._kept.popleft()
        at, before = self._kept[0]
        return None if self._whole and now - at < self._window else value - before

    def _is_over(self, now: float) -> bool:
        # A whole window needs a value from its beginning, which may be somewhat older.
        return now - self._kept[1][0] >= self._window if self._whole else now - self._kept[0][0] > self._window
