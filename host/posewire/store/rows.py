"""Rows of the store as objects. One that cannot be read costs itself only: it is reported, skipped and left there."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from posewire.log import EventLog

_T = TypeVar("_T")

Row = tuple[Any, ...]


def readable(rows: Iterable[Row], make: Callable[..., _T], what: str) -> list[_T]:
    """Return what ``make`` makes of each row's values. ``what``: the name for the log of what a row holds."""
    return [made for _, made in readable_with_rows(rows, make, what)]


def readable_with_rows(rows: Iterable[Row], make: Callable[..., _T], what: str) -> list[tuple[Row, _T]]:
    """Return each row that can be read, and what ``make`` makes of its values."""
    found = []
    for row in rows:
        try:
            found.append((row, make(*row)))
        except Exception as error:
            # Written by another version, or changed by hand: there is no telling what it does to its reader.
            _log.warning("row_skipped", what=what, key=str(row[0])[:80], why=f"{type(error).__name__}: {error}"[:200])
    return found


_log = EventLog()
