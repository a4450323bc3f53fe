"""The operator's terminal: the one place through which all output of commands goes.

Names, texts and figures come from peers, boards, files and other programs, and may hold sequences that a terminal
obeys. Here they are escaped; sequences of our own (colours, a line that changes) are made here and nowhere else.
"""

import _thread
import contextlib
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self, TextIO

from posewire.printable import printable, printable_json
from posewire.termination import discard_output

Style = Literal["bold", "dim", "green", "yellow", "red", "paper"]

_STYLES: Mapping[str, str] = {
    "bold": "\x1b[1m",
    "dim": "\x1b[2m",
    "green": "\x1b[32m",
    "yellow": "\x1b[33m",
    "red": "\x1b[31m",
    "paper": "\x1b[97;40m",
}
_PLAIN = "\x1b[0m"
_DONE = re.compile("█+")
"""The part of a bar that is green on a line that changes."""

_BLOCKS: Mapping[tuple[int, int], str] = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
"""What shows two modules of a QR code, one above the other, in a light colour on a dark ground; 1 is dark."""


def show(line: str = "", *, style: Style | None = None, out: TextIO | None = None) -> None:
    """Print one line; a line feed in it is escaped."""
    _write(out or sys.stdout, printable(line, "\t"), style, "\n")


def show_text(text: str, *, style: Style | None = None, out: TextIO | None = None) -> None:
    """Print a text that may have several lines, such as a table or the answer of a tool."""
    _write(out or sys.stdout, printable(text, "\n\t"), style, "\n")


def show_part(text: str, *, style: Style | None = None, out: TextIO | None = None) -> None:
    """Print a piece of a text whose rest follows."""
    _write(out or sys.stdout, printable(text, "\n\t"), style, "")


def show_output(text: str, out: TextIO | None = None) -> None:
    """Print a piece of another program's output as it comes; it may return to the beginning of its line."""
    _write(out or sys.stdout, printable(text, "\n\t\r\b"), None, "")


def show_json(value: Any, indent: int | None = None) -> None:
    """Print a value as JSON, in one line unless ``indent`` is given."""
    _write(sys.stdout, printable_json(value, indent), None, "\n")


def show_qr(text: str) -> None:
    """Print a text as a QR code, dark on light: two of its rows in each line, in blocks. Without blocks: nothing."""
    import segno

    blocks = "".join(_BLOCKS.values())
    if _encodable(blocks, sys.stdout) != blocks:
        return
    rows = [bytes(row) for row in segno.make(text, error="l", micro=False).matrix_iter(border=2)]
    rows += [bytes(len(rows[0]))] * (len(rows) % 2)
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        line = "".join(_BLOCKS[above, below] for above, below in zip(upper, lower, strict=True))
        _write(sys.stdout, line, "paper", "\n")


def warn(text: str, style: Style | None = None) -> None:
    """Print a message of this program to standard error; further lines of it are indented, so that none is forged."""
    first, *rest = text.split("\n")
    _write(sys.stderr, "\n  ".join(map(printable, [f"posewire: {first}", *rest])), style, "\n")


def clear_screen() -> None:
    """Begin at the top of an empty screen."""
    sys.stdout.write("\x1b[H\x1b[2J")


def screen_size(stream: TextIO | None = None) -> tuple[int, int]:
    """Return the columns and lines of the terminal that a stream goes to; 80 and 24 where it goes to none.

    ``stream``: standard output unless given. COLUMNS and LINES in the environment come first.
    """
    fallback = (80, 24)
    with contextlib.suppress(OSError, ValueError):
        seen = os.get_terminal_size((stream or sys.stdout).fileno())
        fallback = (seen.columns or 80, seen.lines or 24)  # a serial console has no size
    return _from_environment("COLUMNS", fallback[0]), _from_environment("LINES", fallback[1])


def cut(text: str, columns: int) -> str:
    """Return the beginning of a line that fits into so many columns; wide characters take two."""
    width = 0
    for index, char in enumerate(text):
        width += columns_of(char)
        if width > columns:
            return text[:index]
    return text


def columns_of(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def is_live(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal on which a line can be changed."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def has_color(stream: TextIO) -> bool:
    """Tell whether to colour what goes to a stream: to a terminal only, and not with NO_COLOR (no-color.org)."""
    return is_live(stream) and not os.environ.get("NO_COLOR")


class LiveLine:
    """One line that changes on a terminal; elsewhere a line for each ``step``. Use as a context manager.

    ``out``: standard output unless given.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._live = is_live(self._out)
        self._step: str | None = None
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def show(self, line: str, step: str = "") -> None:
        """Show a new state of the line."""
        before, self._shown = self._shown, line
        if self._live:
            if line != before:
                # A line that wraps could not be changed any more.
                fitting = cut(_encodable(printable(line), self._out), screen_size(self._out)[0] - 1)
                if has_color(self._out):
                    fitting = _DONE.sub(rf"{_STYLES['green']}\g<0>{_PLAIN}", fitting)
                self._out.write(f"\r\x1b[K{fitting}")
                self._out.flush()
        elif step != self._step:
            show(line, out=self._out)
        self._step = step

    def end(self, keep: bool = True) -> None:
        """End the line; what is shown next begins a new one. Without ``keep``: it takes this one's place."""
        if self._live and self._shown:
            self._out.write("\n" if keep else "\r\x1b[K")
            self._out.flush()
        self._shown, self._step = "", None


def _from_environment(name: str, size: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() and int(text) else size


def _write(stream: TextIO, text: str, style: Style | None, end: str) -> None:
    text = _encodable(text, stream)
    if style is not None and has_color(stream):
        text = f"{_STYLES[style]}{text}{_PLAIN}"
    try:
        stream.write(text + end)
        stream.flush()
    except BrokenPipeError:
        # Said once: whoever ends in order after this writes to nobody.
        with contextlib.suppress(OSError):
            discard_output(stream)
        if threading.current_thread() is threading.main_thread():
            raise
        # This thread may serve a board or a host, which wait for it; the command is ended by its main thread.
        _thread.interrupt_main()


def _encodable(text: str, stream: TextIO) -> str:
    """Return the text with escape sequences for what the stream's encoding lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
