"""A board's REPL over its serial port, by mpremote's transport: the only module that knows mpremote."""

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from typing import Any

from posewire.errors import InstallError
from posewire.install.serial_ports import missing_extra

_CHUNK = 1024
_ENTER_SECONDS = 10
_ATTEMPTS = 3
_FILE_SECONDS = 120.0
_SLOWEST = 500.0
"""Bytes a second that a board writes at least."""
_NO_REPL = (
    "the board on {port} does not give its REPL. Does another program (a monitor, an editor) have the port open? "
    "Has it MicroPython at all (posewire flash)? Press RESET and try again; with this firmware on it, hold "
    "the button while it starts."
)


class BoardRepl:
    """The raw REPL of one board. All methods raise InstallError; the message names the remedy."""

    def __init__(self, transport: Any, port: str) -> None:
        self._transport = transport
        self._port = port

    def run(self, code: str, timeout: float = 30.0) -> str:
        """Run code on the board and return its output."""
        with self._told("run a program on it"), _hurried(self._transport, 2 * timeout):
            output, error = self._transport.exec_raw(code, timeout=timeout)
        if error:
            last = error.decode("utf-8", "replace").strip().splitlines()[-1]
            raise InstallError(f"the board on {self._port} says: {last}")
        text: str = output.decode("utf-8", "replace")
        return text

    def write(self, path: str, data: bytes, on_progress: Callable[[int], None] = lambda count: None) -> None:
        """Write a file; ``on_progress`` gets the number of bytes written so far."""
        with self._told(f"write {path}"), _hurried(self._transport, _FILE_SECONDS + len(data) / _SLOWEST):
            self._transport.fs_writefile(
                path, data, chunk_size=_CHUNK, progress_callback=lambda written, total: on_progress(written)
            )

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        with self._told(f"read {path}"), _hurried(self._transport, _FILE_SECONDS):
            return bytes(self._transport.fs_readfile(path, chunk_size=_CHUNK))

    def reset(self) -> None:
        """Restart the board; it runs its main.py, and this REPL ends."""
        with contextlib.suppress(Exception):
            self._transport.exec_raw_no_follow("import time, machine; time.sleep_ms(100); machine.reset()")
            time.sleep(0.3)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # mpremote raises its own errors, OSError for files, and struct.error when the line breaks in the middle.
            text = str(error) or type(error).__name__
            if "ENOSPC" in text or getattr(error, "errno", None) == 28:
                raise InstallError(f"the board's flash is full: cannot {what}") from error
            raise InstallError(f"cannot {what} (board on {self._port}): {text.strip().splitlines()[-1]}") from error


@contextlib.contextmanager
def open_repl(port: str) -> Iterator[BoardRepl]:
    """Interrupt the running program of the board and open its REPL.

    Raises:
        InstallError: the port does not exist, cannot be opened, or has no REPL.
    """
    try:
        from mpremote.transport_serial import SerialTransport
    except ImportError:
        raise missing_extra("mpremote") from None
    try:
        transport = SerialTransport(port)
    except Exception as error:
        raise InstallError(port_problem(port, error)) from error
    try:
        _enter(transport, port)
        yield BoardRepl(transport, port)
        with contextlib.suppress(Exception):
            transport.exit_raw_repl()
    finally:
        with contextlib.suppress(Exception):
            transport.close()


class _Hurried:
    """A serial port that may be read until a moment only: mpremote looks at the clock when nothing comes, and not when
    a board prints without a pause.
    """

    def __init__(self, serial: Any, seconds: float) -> None:
        self._serial = serial
        self._until = time.monotonic() + seconds

    def __getattr__(self, name: str) -> Any:
        if time.monotonic() > self._until and name in ("inWaiting", "in_waiting", "read"):
            raise TimeoutError("the board prints all the time")
        return getattr(self._serial, name)


@contextlib.contextmanager
def _hurried(transport: Any, seconds: float) -> Iterator[None]:
    """Bound what is done with a transport, also while bytes keep coming; then TimeoutError is raised."""
    serial = transport.serial
    transport.serial = _Hurried(serial, seconds)
    try:
        yield
    finally:
        transport.serial = serial


def _enter(transport: Any, port: str) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            # It prints what it saw instead of telling it in its error.
            with contextlib.redirect_stdout(io.StringIO()), _hurried(transport, _ENTER_SECONDS):
                transport.enter_raw_repl(soft_reset=True, timeout_overall=_ENTER_SECONDS)
        except Exception as error:
            if attempt + 1 == _ATTEMPTS:
                raise InstallError(_NO_REPL.format(port=port)) from error
        else:
            return


def port_problem(port: str, error: Exception) -> str:
    """Return the reason why a port cannot be opened, and the remedy."""
    text = str(error)
    if "ermission" in text:
        return f"no permission for {port}: on Linux, sudo usermod -aG dialout $USER, then log in again"
    if "usy" in text or "lock" in text:
        return f"another program has {port} open: close its monitor or editor"
    return f"cannot open {port}: is the board plugged in? ({text})"
