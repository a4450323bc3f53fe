"""How far a piece of work has come: a line with a bar, which changes on a terminal, on standard error."""

import sys
import threading
import time
from types import TracebackType
from typing import Self

from posewire.terminal import LiveLine, columns_of, cut, is_live, screen_size, show

_WIDTH = 28
_LEAST_WIDTH = 8
"""Longest and shortest bar, in columns; where there is no room for the shortest there is none."""

_TICK = 1.0
"""Seconds after which the line is shown again with the time that has passed, though no step is finished."""


class Progress:
    """Shows how far ``total`` steps have come: a bar on a terminal, one line at the end elsewhere.

    Use as a context manager. ``total`` None: not known, the number of steps is shown. ``quiet``: shows nothing.
    ``keep``: the line is left there at the end.
    """

    def __init__(self, title: str, total: int | None, quiet: bool = False, keep: bool = True) -> None:
        self._title = title
        self._total = total
        self._quiet = quiet
        self._live = is_live(sys.stderr) and not quiet
        self._line = LiveLine(sys.stderr)
        self._keep = keep
        self._done, self._what = 0, ""
        self._began = time.monotonic()
        self._over = threading.Event()
        self._shows = threading.Lock()

    def __enter__(self) -> Self:
        if self._live:
            threading.Thread(target=self._tick, name="progress", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._shows:
            self._over.set()
            if self._live:
                self._line.end(self._keep)
            elif not self._quiet and kind is None:
                show(f"{self._title}: done", out=sys.stderr)

    def show(self, done: int, what: str = "") -> None:
        """Show the number of finished steps, and the current one."""
        with self._shows:
            self._done, self._what = done, what
            self._paint()

    def hide(self) -> None:
        """Make room for other output: the line is taken away until there is something new to show."""
        with self._shows:
            self._line.end(keep=False)

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            with self._shows:
                self._paint()

    def _paint(self) -> None:
        if not self._live or self._over.is_set():
            return
        seconds = round(time.monotonic() - self._began)
        passed = f"{self._what} {seconds} s" if seconds else self._what
        if self._total:
            figure = f"{percent(self._done, self._total):3} %"
            self._line.show(bar_line(self._title, self._done, self._total, figure, passed.strip()))
        else:
            self._line.show(" ".join(filter(None, (self._title, str(self._done or ""), passed.strip()))))


def meanwhile(title: str, total: int | None = None) -> Progress:
    """Return a Progress for what reports its end itself: it is seen on a terminal only, and gone afterwards."""
    return Progress(title, total, quiet=not is_live(sys.stderr), keep=False)


def percent(done: int, total: int) -> int:
    """Return the share in percent, from 0 to 100 whatever the numbers are."""
    return max(0, min(100, 100 * done // total)) if total > 0 else 0


def bar(done: int, total: int, width: int = _WIDTH) -> str:
    """Return a bar of ``width`` characters for the share of ``total`` that is done."""
    return f"{'█' * (width * percent(done, total) // 100):·<{width}}"


def bar_line(before: str, done: int, total: int, figure: str, after: str = "") -> str:
    """Return a line with a bar that fits on the terminal of standard error.

    Where it is narrow the bar becomes shorter, then what comes ``after`` the figure is cut, then the bar is left out,
    and at last what comes ``before`` it is cut: the ``figure`` is always there.
    """
    room = screen_size(sys.stderr)[0] - 1 - columns_of(figure)
    room -= columns_of(before) + 1 if before else 0
    wide = min(_WIDTH, max(_LEAST_WIDTH, room - 1 - (columns_of(after) + 1 if after else 0)))
    if room > _LEAST_WIDTH:
        return " ".join(filter(None, (before, bar(done, total, wide), figure, after)))
    short = before if room >= 0 else cut(before, columns_of(before) + room - 1) + "…"
    return " ".join(filter(None, (short, figure, after)))
