"""One MicroPython process: from power on to power off."""

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posewire.errors import SimulatorError
from posewire.provision.improv import Decoder, Packet
from posewire.sim.interpreter import Interpreter
from posewire.sim.parts.bus import Bus, Record

# What the simulated hardware itself takes of the interpreter's heap at most; the firmware's part begins where it ends.
HARDWARE_HEAP = 256 * 1024
# Without a model of the chip's heap the firmware gets what was asked for and what the hardware takes (64 bits: 100 KB).
PLAIN_HARDWARE_HEAP = 112 * 1024
# Machine code is not on the heap. The bytecode that stands for it where there is no compiler is, and what it allocates.
BYTECODE_HEAP = 64 * 1024

_STOP_SECONDS = 5.0


class BoardProcess:
    """The interpreter with the simulated hardware and the firmware; it runs, and is heard from ``start`` on.

    ``on_line`` gets each printed line, ``on_record`` each record of the hardware, ``on_exit`` the exit status once; all
    in threads of this object.
    """

    def __init__(
        self,
        interpreter: Interpreter,
        hardware: Path,
        firmware: Path,
        flash: Path,
        heap: int,
        hardware_heap: int,
        settings: Mapping[str, Any],
        on_record: Callable[["BoardProcess", Record], None],
        on_line: Callable[[str], None],
        on_exit: Callable[["BoardProcess", int], None],
        on_console: Callable[[bytes], None] = lambda data: None,
    ) -> None:
        self._on_console = on_console
        self._on_line = on_line
        self._on_exit = on_exit
        self.bus = Bus(lambda record: on_record(self, record), self._line_closed)
        environment = {
            # MicroPython puts the script's folder (the hardware) in place of the first entry; the second, empty
            # one is the board's flash, where user_tools.py is.
            "MICROPYPATH": f"::{firmware}:.frozen",
            "POSEWIRE_SIM": json.dumps({**settings, "bus": self.bus.fileno()}),
            "PATH": os.environ.get("PATH", os.defpath),
        }
        heap += hardware_heap + (0 if interpreter.viper else BYTECODE_HEAP)
        argv = [*interpreter.argv, "-X", f"heapsize={heap}", str(hardware / "simboard.py")]
        try:
            self._process = subprocess.Popen(  # noqa: S603
                argv,
                cwd=flash,
                env=environment,
                stdin=subprocess.PIPE,
                bufsize=0,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(self.bus.fileno(),),
                # Ctrl-C is for this program, which then switches the board off.
                start_new_session=True,
            )
        except OSError as error:
            self.bus.close()
            raise SimulatorError(f"MicroPython does not start: {error}") from error
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read_lines, name="posewire-sim-log", daemon=True)

    def start(self) -> None:
        """Begin to read what it says: its owner knows it by now, though a short program may have ended already."""
        self.bus.start()
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def type(self, data: bytes) -> None:
        """Send bytes to the board's console; a board that is off takes no notice."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(data)

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process now, as pulling the plug would."""
        if self.alive():
            self._process.send_signal(signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(_STOP_SECONDS)
        self.bus.close()
        if self._reader is not threading.current_thread():
            self._reader.join(_STOP_SECONDS)

    def _print(self, items: list[Packet | str]) -> None:
        for item in items:
            if isinstance(item, str):
                self._on_line(item)

    def _line_closed(self) -> None:
        self._closed.set()

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        # Provisioning packets may come between the lines, with any bytes in them.
        decoder = Decoder()
        with self._process.stdout as stream:
            while data := stream.read(4096):
                self._on_console(data)
                self._print(decoder.feed(data))
        self._print(decoder.feed(b"\n"))
        status = self._process.wait()
        # The records that it still sent come first.
        self._closed.wait(_STOP_SECONDS)
        self._on_exit(self, status)
