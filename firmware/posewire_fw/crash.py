"""What the board last died of, kept over the restart until a host has heard of it."""

import io
import os
import sys

from micropython import const

from posewire_fw import log
from posewire_fw.files import write_file

FILE = "crash.txt"
_MAX = const(1200)
_LINES = const(400)


def record(exc):
    """Keep a traceback and the last lines of the log; False when there is no room for them."""
    text = io.StringIO()
    sys.print_exception(exc, text)  # pyright: ignore[reportArgumentType]
    return note(text.getvalue())  # pyright: ignore[reportAttributeAccessIssue]


def note(text):
    """Keep what is known, with the last lines of the log. The end of a long text says more than its beginning."""
    return write_file(FILE, text[-_MAX + _LINES :] + log.tail()[-_LINES:])


def read():
    """What is kept, "" for nothing."""
    try:
        with open(FILE) as file:
            return file.read(_MAX)
    except (OSError, UnicodeError):
        return ""


def remove():
    """A host has it."""
    try:
        os.remove(FILE)
    except OSError:
        pass
