"""Structured log lines: an event name, the device and session it belongs to, and fields.

As text for people (``12:00:01.123 info  heard  device=… text="turn on the light"``) or one JSON object a line.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Hashable
from typing import Any, Literal

from posewire.printable import printable, printable_json

LOGGER = "posewire"

QUIET = 10.0
"""Seconds without an event after which it is logged again."""


class LogThrottle:
    """Logs an event once while it keeps happening: ``suppressed = throttle.admit(key)``."""

    def __init__(self, most: int = 1000, clock: Callable[[], float] = time.monotonic) -> None:
        """Remember the ``most`` latest keys; ``clock`` counts seconds."""
        self._most = most
        self._clock = clock
        self._seen: dict[Hashable, tuple[float, int]] = {}

    def admit(self, key: Hashable) -> int | None:
        """Count one event; return how many were suppressed before it, or None when this one is to be suppressed."""
        now = self._clock()
        last, suppressed = self._seen.pop(key, (now - QUIET, 0))
        admitted = now - last >= QUIET
        self._seen[key] = (now, 0 if admitted else suppressed + 1)
        while len(self._seen) > self._most:
            del self._seen[next(iter(self._seen))]
        return suppressed if admitted else None


LINES = 10
"""Lines of one event of one peer within ``QUIET`` seconds."""


class LineLimit:
    """Bounds the lines of each event: ``LINES`` in ``QUIET`` seconds; the next one says how many were suppressed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` counts seconds."""
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}

    def admit(self, event: str) -> int | None:
        """Count a line; return how many were suppressed before it, or None when this one is to be suppressed."""
        now = self._clock()
        began, lines = self._windows.get(event, (now - QUIET, 0))
        suppressed = 0
        if now - began >= QUIET:
            suppressed, began, lines = max(0, lines - LINES), now, 0
        self._windows[event] = (began, lines + 1)
        return suppressed if lines < LINES else None


class EventLog:
    """A logger with bound fields. ``limit`` bounds the lines of each event; None: all are logged."""

    def __init__(self, limit: LineLimit | None = None, **bound: Any) -> None:
        self._limit = limit
        self._bound = bound
        self._logger = logging.getLogger(LOGGER)

    def bind(self, **fields: Any) -> "EventLog":
        """Return a log with more fields bound, and the same limit."""
        return EventLog(self._limit, **{**self._bound, **fields})

    def debug(self, event: str, **fields: Any) -> None:
        """Log a detail for developers of this project."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Log a step of normal life."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log an event that deserves a look when it happens often."""
        self._log(logging.WARNING, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """Log an unexpected exception with its traceback."""
        self._log(logging.ERROR, event, fields, traceback=True)

    def _log(self, level: int, event: str, fields: dict[str, Any], traceback: bool = False) -> None:
        if not self._logger.isEnabledFor(level):
            return
        suppressed = 0 if self._limit is None else self._limit.admit(event)
        if suppressed is None:
            return
        if suppressed:
            fields = {**fields, "suppressed": suppressed}
        self._logger.log(level, event, exc_info=traceback, extra={"fields": {**self._bound, **fields}})


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = getattr(record, "fields", {})
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        parts = [f"{clock}.{int(record.msecs):03d} {record.levelname.lower():7} {printable(record.getMessage())}"]
        parts += [f"{name}={_show(value)}" for name, value in fields.items() if value not in (None, "")]
        line = " ".join(parts)
        if not record.exc_info:
            return line
        # Indented, so that no line of an exception's text passes for a line of the log.
        return "\n  ".join([line, *map(printable, self.formatException(record.exc_info).split("\n"))])


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return printable_json(entry)


class _Foreign(logging.Filter):
    """Throttles the log lines of libraries, which peers may cause. The logger's name becomes a field."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = LogThrottle()

    def filter(self, record: logging.LogRecord) -> bool:
        suppressed = self._throttle.admit((record.name, str(record.msg).partition("\n")[0]))
        record.fields = {"logger": record.name, "suppressed": suppressed or None}
        return suppressed is not None


def configure_logging(style: Literal["text", "json"], level: str = "info") -> None:
    """Send the host's log and the warnings of libraries to standard error, in the given style."""
    formatter = _JsonFormatter() if style == "json" else _TextFormatter()
    handler, foreign = logging.StreamHandler(sys.stderr), logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    foreign.setFormatter(formatter)
    foreign.addFilter(_Foreign())
    logging.getLogger().handlers[:] = [foreign]
    logger = logging.getLogger(LOGGER)
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def _show(value: Any) -> str:
    if isinstance(value, float):
        # Not of the small ones: a threshold of 0.05 would become 0.1.
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
    text = str(value)
    return printable(json.dumps(text, ensure_ascii=False) if " " in text or '"' in text else text)
