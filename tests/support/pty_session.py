"""A command in a terminal of its own, as a person runs it."""

import os
import pty
import re
import selectors
import signal
import sys
import termios
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self


class PtySession:
    """``posewire WORDS`` in a new terminal. Use as a context manager; at its end the command is killed.

    ``output``: all that it has written so far; a terminal shows standard output and standard error alike.
    """

    def __init__(self, words: Sequence[str], columns: int = 80, lines: int = 24, **environment: str) -> None:
        self.output = ""
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            termios.tcsetwinsize(0, (lines, columns))
            inherited = {
                name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")
            }
            command = [sys.executable, "-m", "posewire", *words]
            os.execve(command[0], command, {**inherited, "TERM": "xterm", **environment})
        self._status: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._status is None:
            os.killpg(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._terminal)

    def wait_for(self, pattern: str, within: float = 60) -> None:
        """Wait until the output matches. Raises AssertionError when it does not, or the command ends before."""
        deadline = time.monotonic() + within
        while not re.search(pattern, self.output):
            if not self._read(deadline):
                raise AssertionError(f"{pattern!r} has not come: {self.output}")

    def type(self, text: str) -> None:
        """Type on its keyboard."""
        os.write(self._terminal, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C: the terminal tells every program that runs in it."""
        self.type("\x03")

    def end(self, within: float = 60) -> int:
        """Wait for the end of the command; return its exit status. Raises AssertionError when it goes on."""
        deadline = time.monotonic() + within
        while self._read(deadline):
            pass
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
                return self._status
            time.sleep(0.01)
        raise AssertionError(f"it has not ended: {self.output}")

    def _read(self, deadline: float) -> bool:
        """Read what comes next; False when nothing comes any more."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._terminal, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return False
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # Linux: nobody holds the other end any more
            return False
        self.output += data.decode(errors="replace")
        return bool(data)
