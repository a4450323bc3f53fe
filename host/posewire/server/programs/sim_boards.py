"""Simulated boards that somebody has started from the page, each a process ``posewire sim device``."""

import asyncio
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import posewire
from posewire.child_process import ChildProcess, child_environment
from posewire.errors import WireError

MOST = 4
_MOTION = Path(posewire.__file__).parent / "demo" / "data" / "body33.npz"
_SPEECH = _MOTION.with_name("turn_the_light_blue.wav")
_ASKS_AFTER = (3, 20, 60)
"""Seconds from its connection to its questions: on a busy machine a tap of its button may be missed."""

_CHIP = "esp32s3-psram"  # as for the demo: voice, camera and motion at a time
_LINES = 20
_GRACE = 3.0


@dataclass
class _SimBoard:
    number: int
    child: ChildProcess
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))
    reading: asyncio.Task[None] | None = None
    device: str | None = None

    def describe(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "device": self.device,
            "running": self.child.returncode is None,
            "lines": list(self.lines),
        }

    async def read(self) -> None:
        """Note what it says, also of what is wrong, until it has ended."""
        assert self.child.stderr is not None
        await asyncio.gather(self._note(self.child.stdout), self._note(self.child.stderr))

    async def _note(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            text = line.decode(errors="replace").rstrip()[:300]
            if "the board is " in text:
                self.device = text.rpartition(" ")[2]
            self.lines.append(text)


class SimBoards:
    """Starts and ends them; all end with the host."""

    def __init__(self) -> None:
        self._boards: dict[int, _SimBoard] = {}
        self._number = 0

    def describe(self) -> list[dict[str, Any]]:
        """Return the boards, also those that have ended, with the last lines that they wrote."""
        return [board.describe() for board in self._boards.values()]

    async def start(self, url: str, room: str, talking: bool = False) -> dict[str, Any]:
        """Start one that connects to ``url`` and shows its camera's motion in a room; ``talking``: it asks something.

        Raises:
            WireError: ``too_many``, or ``not_available``: it cannot be started.
        """
        for board in [board for board in self._boards.values() if board.child.returncode is not None]:
            await self._end(board)
        if len(self._boards) >= MOST:
            raise WireError(f"at most {MOST} simulated boards at a time", "too_many")
        words = ["sim", "device", "--chip", _CHIP, "--url", url, f"--room={room}", "--pose", str(_MOTION)]
        words += ["--pose-loop"]
        if talking:
            words += ["--mic", str(_SPEECH), *(word for at in _ASKS_AFTER for word in ("--press", str(at)))]
        try:
            child = await ChildProcess.start(
                *(sys.executable, "-u", "-m", "posewire", *words, "--for", "86400"),
                environment=child_environment(),
                errors=True,
            )
        except OSError as error:
            raise WireError(f"a simulated board cannot be started: {error.strerror}", "not_available") from None
        self._number += 1
        board = self._boards[self._number] = _SimBoard(self._number, child)
        board.reading = asyncio.create_task(board.read())
        return board.describe()

    async def stop(self, number: int) -> None:
        """End a simulated board by its number.

        Raises:
            WireError: ``not_found``.
        """
        if number not in self._boards:
            raise WireError(f"there is no simulated board {number}", "not_found")
        await self._end(self._boards[number])

    async def close(self) -> None:
        """End all simulated boards."""
        await asyncio.gather(*(self._end(board) for board in list(self._boards.values())))

    async def _end(self, board: _SimBoard) -> None:
        self._boards.pop(board.number, None)
        board.child.terminate()
        await board.child.end(_GRACE)
        if board.reading is not None:
            board.reading.cancel()
