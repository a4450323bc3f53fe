"""The cause of the board's last crash, kept over the restart until a host has heard of it."""

import io
import os
import sys

import machine
import posewire_slots as slots
from micropython import const

from posewire_fw import __version__, log
from posewire_fw.files import write_file

FILE = "crash.txt"
_MAX = const(1200)
_LINES = const(400)


_CAUSES = {
    machine.PWRON_RESET: "power on",
    machine.HARD_RESET: "reset",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "deep sleep",
    machine.SOFT_RESET: "soft reset",
}


def record(exc):
    """Keep a traceback and the last lines of the log; False when there is no room for them."""
    text = io.StringIO()
    sys.print_exception(exc, text)  # pyright: ignore[reportArgumentType]
    return note(text.getvalue())  # pyright: ignore[reportAttributeAccessIssue]


def note(text):
    """Keep what is known, with the last lines of the log. The end of a long text says more than its beginning."""
    return write_file(FILE, text[-_MAX + _LINES :] + log.tail()[-_LINES:])


def read():
    """The text that is kept, "" for none."""
    try:
        with open(FILE) as file:
            return file.read(_MAX)
    except (OSError, UnicodeError):
        return ""


def add_start(message):
    """Put into a message how and with what the board has started, and what it died of before."""
    message["started"] = True
    message["reset_cause"] = _CAUSES.get(machine.reset_cause(), "unknown")
    message["slot"] = slots.folder(slots.load_state().slot) or "base"
    message["firmware"] = __version__
    text = read()
    if text:
        message["crash"] = text


def remove():
    """A host has it."""
    try:
        os.remove(FILE)
    except OSError:
        pass
