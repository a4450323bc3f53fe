"""A board's REPL over its serial port, by mpremote's transport: the only module that knows mpremote."""

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from posewire.errors import InstallError
from posewire.install.serial_ports import missing_extra

T = TypeVar("T")

_CHUNK = 1024
# Each attempt may take longer: a large file system is slow to start.
_ENTER_SECONDS = (10, 10, 30)
# A nearly full or worn flash collects its garbage now and then: a board that is silent for so long is not dead.
_FLASH_SECONDS = 90.0
_LOOK_SECONDS = 1.0
_NOT_FREE_SECONDS = 2.0
_AGAIN_SECONDS = 0.1
_SILENCE_SECONDS = 5.0
# What ends a program's output, and what a board that has started anew shows.
_END, _PROMPT = b"\x04", b">>> "
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
        return self._run(code, timeout, "run a program on it")

    def _run(self, code: str, timeout: float, what: str) -> str:
        with self._told(what), _hurried(self._transport, 3 * timeout):
            self._transport.exec_raw_no_follow(code)
            output = self._until_end(timeout)
            error = self._until_end(timeout)
        if error:
            last = error.decode("utf-8", "replace").strip().splitlines()[-1]
            if _is_full(last):
                raise InstallError(f"the board's flash is full: cannot {what}")
            raise InstallError(f"cannot {what} (board on {self._port}): it says {last}")
        return output.decode("utf-8", "replace")

    def _until_end(self, timeout: float) -> bytes:
        """The output of the board up to the end of its output, however slowly it works."""
        data = b""
        end = time.monotonic() + timeout
        while not data.endswith(_END):
            data += self._transport.read_until(1, _END, timeout=_LOOK_SECONDS)
            if data.endswith(_PROMPT):
                raise OSError("it restarted before it had finished")
            if time.monotonic() > end:
                raise OSError(f"no answer for {timeout:g} s")
        return data[:-1]

    def write(self, path: str, data: bytes, on_progress: Callable[[int], None] = lambda count: None) -> None:
        """Write a file; ``on_progress`` gets the number of bytes written so far."""
        what = f"write {path}"
        self._run(f"f=open({path!r},'wb')\nw=f.write", _FLASH_SECONDS, what)
        for start in range(0, len(data), _CHUNK):
            piece = data[start : start + _CHUNK]
            self._run(f"w({piece!r})", _FLASH_SECONDS, what)
            on_progress(start + len(piece))
        self._run("f.close()", _FLASH_SECONDS, what)

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        with self._told(f"read {path}"), _hurried(self._transport, _FLASH_SECONDS):
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
            if _is_full(text) or getattr(error, "errno", None) == 28:
                raise InstallError(f"the board's flash is full: cannot {what}") from error
            raise InstallError(f"cannot {what} (board on {self._port}): {text.strip().splitlines()[-1]}") from error


def _is_full(text: str) -> bool:
    return "ENOSPC" in text or "Errno 28" in text or text.endswith("OSError: 28")


def open_patiently(port: str, open_port: Callable[[], T]) -> T:
    """Open a port. One that exists is tried again for a moment: one that has just come back is not free at once.

    Raises:
        InstallError: the port does not exist or cannot be opened.
    """
    until = time.monotonic() + _NOT_FREE_SECONDS
    while True:
        try:
            return open_port()
        except Exception as error:
            if time.monotonic() > until or not Path(port).exists():
                raise InstallError(port_problem(port, error)) from error
        time.sleep(_AGAIN_SECONDS)


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
    transport = open_patiently(port, lambda: SerialTransport(port))
    # Without it, a board that falls silent in the middle of an answer is waited for without end.
    transport.serial.timeout = _SILENCE_SECONDS
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
            raise TimeoutError("the board never stops printing")
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
    for attempt, seconds in enumerate(_ENTER_SECONDS, 1):
        try:
            # It prints what it saw instead of telling it in its error.
            with contextlib.redirect_stdout(io.StringIO()), _hurried(transport, seconds):
                transport.enter_raw_repl(soft_reset=True, timeout_overall=seconds)
        except Exception as error:
            if attempt == len(_ENTER_SECONDS):
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
    if port.startswith("/") and not Path(port).exists():
        return f"there is no port {port}: is the board plugged in?"
    return f"cannot open {port}: is the board plugged in? ({text})"
