"""Log lines on the console: seconds since the start, level, part, message. The last ones are kept to be asked for."""

import io
import sys

from micropython import const

from posewire_fw.clock import Clock

DEBUG = 10
INFO = 20
WARNING = 30
ERROR = 40

_KEPT = const(1024)

_LETTERS = {DEBUG: "D", INFO: "I", WARNING: "W", ERROR: "E"}
# The board's own: time.ticks_ms() turns over after 12 days, and this one only after 49.
clock = Clock()
_level = INFO
# The last bytes of the log; as a ring, which the start may put elsewhere; _count goes on for ever.
ring = bytearray(_KEPT)
_count = 0


def set_level(level):
    """Print only what is at least this important."""
    global _level
    _level = level


def _write(level, part, text, args):
    if level < _level:
        return
    if args:
        text = text % args
    now = clock.uptime_ms()
    line = "%5d.%03d %s %s: %s" % (now // 1000, now % 1000, _LETTERS[level], part, text)
    print(line)
    _keep(line.encode())
    _keep(b"\n")


def _keep(data):
    global _count
    data = data[-_KEPT:]
    at = _count % _KEPT
    first = min(len(data), _KEPT - at)
    ring[at : at + first] = data[:first]
    if len(data) > first:
        ring[: len(data) - first] = data[first:]
    _count += len(data)


def tail():
    """The last lines, whole ones only."""
    if _count <= _KEPT:
        return bytes(ring[:_count]).decode()
    at = _count % _KEPT
    data = bytes(ring[at:]) + bytes(ring[:at])
    return data[data.find(b"\n") + 1 :].decode()


def debug(part, text, *args):
    _write(DEBUG, part, text, args)


def info(part, text, *args):
    _write(INFO, part, text, args)


def warning(part, text, *args):
    _write(WARNING, part, text, args)


def error(part, text, *args):
    _write(ERROR, part, text, args)


def exception(part, text, exc):
    """An error with the exception that caused it and where it came from."""
    error(part, "%s: %s: %s", text, type(exc).__name__, exc)
    trace = io.StringIO()
    try:
        sys.print_exception(exc, trace)  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
    except AttributeError:  # CPython
        from traceback import print_exception

        print_exception(exc, file=trace)
    lines = trace.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    print(lines, end="")
    _keep(lines.encode())
