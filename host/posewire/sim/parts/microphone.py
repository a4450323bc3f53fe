"""The simulated microphone's Python side: what is to be heard, and from when on."""

import threading
import time
from pathlib import Path

import numpy as np

from posewire.sim.parts.bus import Bus, Kind
from posewire.sim.parts.recording import Samples, read_wav

RATE = 16000

# So much of the past a board that is switched on is told of.
_TOLD_SECONDS = 60.0


class Microphone:
    """Hears the noise of a quiet room, and whatever is played to it. ``file`` is shared with the board's process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._file.touch()
        self._lock = threading.Lock()
        self._bus: Bus | None = None
        self._start = 0.0
        self._offset = 0
        self._count = 0

    def attach(self, bus: Bus) -> None:
        """The board has been switched on: tell it what is being played."""
        with self._lock:
            self._bus = bus
            self._tell()

    def play(self, source: str | Path | Samples) -> float:
        """Play a WAV file (any rate and channels) or int16 samples at 16 kHz from now on; returns the seconds it lasts.

        What was still being played ends. Raises SimulatorError for a file that cannot be read.
        """
        samples = source if isinstance(source, np.ndarray) else read_wav(Path(source), RATE)
        with self._lock:
            with self._file.open("ab") as file:
                self._offset = file.tell() // 2
                file.write(samples.astype("<i2", copy=False).tobytes())
            self._start = time.monotonic()
            self._count = len(samples)
            self._tell()
        return len(samples) / RATE

    def stop(self) -> None:
        """Play nothing more."""
        with self._lock:
            self._count = 0
            self._tell()

    @property
    def playing(self) -> bool:
        """Whether something is being played."""
        return self.ends_at > time.monotonic()

    @property
    def ends_at(self) -> float:
        """The ``time.monotonic()`` moment when the last thing played is (or was) over."""
        return self._start + self._count / RATE

    def _tell(self) -> None:
        if self._bus is None:
            return
        # The board's time goes in a circle: what is over already is left out.
        over = min(self._count, max(0, round((time.monotonic() - self._start - _TOLD_SECONDS) * RATE)))
        start = self._bus.board_time(self._start + over / RATE)
        self._bus.send(Kind.MIC, 0, self._count - over, start, self._offset + over)
