"""A board on a serial port, as far as this machine can be one: MicroPython behind a pseudo-terminal."""

import fcntl
import os
import pty
import select
import subprocess
import termios
import threading
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

from posewire.sim.interpreter import find_interpreter
from posewire.sim.paths import HARDWARE

HERE = Path(__file__).parent.parent
_SOFT_RAW = 11


class SerialBoard:
    """``port`` is what a program opens; ``flash`` is the folder that is the board's file system.

    Its stock modules (machine, network, esp32 …) are the simulator's. ``boots`` counts how often MicroPython was ready,
    ``typed`` keeps what came in by the port.
    """

    def __init__(self, flash: Path) -> None:
        self.flash = flash
        self.boots = 0
        self.typed = bytearray()
        # The cable: its far end is the port. The console: what the interpreter has as its terminal, so that Ctrl-C is
        # the signal that it is on a board.
        self._cable, self._far_end = pty.openpty()
        tty.setraw(self._far_end)
        self.port = os.ttyname(self._far_end)
        self._console, self._terminal = pty.openpty()
        mode = termios.tcgetattr(self._terminal)
        mode[0] &= ~(termios.ICRNL | termios.IXON | termios.INLCR | termios.IGNCR)
        mode[1] |= termios.OPOST | termios.ONLCR
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        mode[3] |= termios.ISIG | termios.NOFLSH
        mode[6][termios.VQUIT] = mode[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(self._terminal, termios.TCSANOW, mode)
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._booted = threading.Condition()
        self._interpreter = find_interpreter()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._live, self._pump)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        self._wait_for_boot(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        if self._process is not None:
            self._process.kill()
        for thread in self._threads:
            thread.join()
        for end in (self._cable, self._far_end, self._console, self._terminal):
            os.close(end)

    def pull_the_plug(self) -> None:
        """Lose power, and get it back."""
        assert self._process is not None
        boots = self.boots
        self._process.kill()
        self._wait_for_boot(boots + 1)

    def _wait_for_boot(self, number: int) -> None:
        with self._booted:
            assert self._booted.wait_for(lambda: self.boots >= number, 20)

    def _pump(self) -> None:
        while not self._closing.is_set():
            ready, _, _ = select.select([self._cable, self._console], [], [], 0.05)
            if self._cable in ready:
                data = os.read(self._cable, 4096)
                self.typed += data
                os.write(self._console, data)
            if self._console in ready:
                os.write(self._cable, os.read(self._console, 4096))

    def _live(self) -> None:
        arguments: list[str] = []
        while not self._closing.is_set():
            arguments = ["raw"] if self._run(arguments) == _SOFT_RAW else []

    def _run(self, arguments: list[str]) -> int:
        environment = {"MICROPYPATH": f"::{HARDWARE}:.frozen", "PATH": os.environ.get("PATH", os.defpath)}
        ready, tell = os.pipe()
        argv = [
            *self._interpreter.argv,
            "-X",
            "heapsize=1m",
            str(HERE.parent / "firmware" / "programs" / "mp_raw_repl.py"),
            f"/dev/fd/{tell}",
            *arguments,
        ]
        self._process = subprocess.Popen(
            argv, cwd=self.flash, env=environment,
            stdin=self._terminal, stdout=self._terminal, stderr=self._terminal,
            pass_fds=[tell], start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        if self._closing.is_set():
            self._process.kill()  # it began while the one before it was being ended
        os.close(tell)
        if os.read(ready, 1):
            with self._booted:
                self.boots += 1
                self._booted.notify_all()
        os.close(ready)
        return self._process.wait()
