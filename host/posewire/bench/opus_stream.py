"""The board's Opus encoder as a process: MicroPython runs the firmware's own file."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from posewire.boards.folders import firmware_folder
from posewire.errors import SimulatorError
from posewire.sim.interpreter import Interpreter, find_interpreter
from posewire.sound.pcm import Pcm

_SCRIPT = Path(__file__).parent / "micropython" / "opus_stream.py"


class BoardEncoder:
    """``with BoardEncoder() as encoder``: one process for any number of streams.

    Raises:
        SimulatorError: there is no MicroPython that has machine code for this processor.
    """

    def __init__(self, interpreter: Interpreter | None = None) -> None:
        found = interpreter or find_interpreter()
        if not found.viper:
            raise SimulatorError("the Opus encoder needs a MicroPython with machine code, and this processor has none")
        self._process = subprocess.Popen(  # noqa: S603
            [*found.argv, "-X", "heapsize=8m", str(_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "MICROPYPATH": f"{firmware_folder()}:.frozen"},
            process_group=0,  # Ctrl-C is for this program, which ends it
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.communicate()

    def packets(self, pcm: Pcm, bitrate: int = 24000, frame_ms: int = 60, quiet: int = 0) -> list[bytes]:
        """Encode a stream of 16 kHz from its beginning; what is left over at its end is not coded."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        samples = base64.b64encode(pcm.astype("<i2").tobytes()).decode()
        self._process.stdin.write(f"{bitrate} {frame_ms} {quiet} {samples}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SimulatorError("the Opus encoder has ended; MicroPython's output says why")
        data = base64.b64decode(line)
        found = []
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 2], "little")
            found.append(data[at + 2 : at + 2 + length])
            at += 2 + length
        return found
