"""A progress bar on a terminal; one line at the end elsewhere."""

import sys
from types import TracebackType
from typing import Self

_WIDTH = 28


class Progress:
    """Shows the progress of ``total`` steps on standard error. Use as a context manager, which ends the line."""

    def __init__(self, title: str, total: int, quiet: bool = False) -> None:
        self._title = title
        self._total = max(total, 1)
        self._shown = -1
        self._live = sys.stderr.isatty() and not quiet
        self._quiet = quiet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live and self._shown >= 0:
            sys.stderr.write("\n")
        elif not self._quiet and kind is None:
            sys.stderr.write(f"{self._title}: done\n")

    def show(self, done: int, what: str = "") -> None:
        """Show the number of finished steps, and the current one."""
        percent = min(100, 100 * done // self._total)
        if not self._live:
            return
        self._shown = percent
        bar = "█" * (_WIDTH * percent // 100)
        sys.stderr.write(f"\r{self._title} {bar:<{_WIDTH}} {percent:3} % {what[:40]:<40}")
        sys.stderr.flush()
