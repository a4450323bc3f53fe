"""The last lines of the host's log, for the page."""

import logging
import time
from collections import deque
from typing import Any

from posewire.log import LOGGER
from posewire.printable import printable

_LINES = 1000
_TEXT_MAX = 300


class LogTail(logging.Handler):
    """Keeps the newest lines in memory, with their fields."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[dict[str, Any]] = deque(maxlen=_LINES)
        # From the clock: who has seen lines of the process before this one asks for what comes after them.
        self._number = int(time.time() * 1000)

    def start(self) -> None:
        """Begin to keep lines."""
        logging.getLogger(LOGGER).addHandler(self)

    def stop(self) -> None:
        """Stop keeping lines of the log."""
        logging.getLogger(LOGGER).removeHandler(self)

    def since(self, after: int) -> list[dict[str, Any]]:
        """Return the lines after the one with this number, oldest first."""
        return [line for line in self._lines if line["number"] > after]

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of the log in place of the oldest."""
        fields: dict[str, Any] = getattr(record, "fields", {})
        self._number += 1
        shown = {name: _short(value) for name, value in fields.items() if value not in (None, "")}
        if record.exc_info and record.exc_info[1] is not None:
            shown["exception"] = _short(repr(record.exc_info[1]))
        self._lines.append(
            {
                "number": self._number,
                "time": round(record.created, 3),
                "level": record.levelname.lower(),
                "event": _short(record.getMessage()),
                "fields": shown,
            }
        )


def _short(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    return printable(str(value))[:_TEXT_MAX]
