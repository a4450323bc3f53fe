"""Log lines on the console: seconds since the start, level, part, message."""

import time

DEBUG = 10
INFO = 20
WARNING = 30
ERROR = 40

_LETTERS = {DEBUG: "D", INFO: "I", WARNING: "W", ERROR: "E"}
_start = time.ticks_ms()
_level = INFO


def set_level(level):
    """Print only what is at least this important."""
    global _level
    _level = level


def _write(level, part, text, args):
    if level < _level:
        return
    if args:
        text = text % args
    seconds = time.ticks_diff(time.ticks_ms(), _start)
    print("%5d.%03d %s %s: %s" % (seconds // 1000, seconds % 1000, _LETTERS[level], part, text))


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
    try:
        from sys import print_exception
    except ImportError:
        from traceback import print_exception
    print_exception(exc)
