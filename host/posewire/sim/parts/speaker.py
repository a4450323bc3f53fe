"""The sound of the simulated speaker, and its time, sample by sample."""

import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from posewire.sim.parts.recording import Samples, write_wav

# Below this (about -50 dBFS) nobody hears anything.
AUDIBLE = 100
_WINDOW_SECONDS = 0.01
_RATE = 16000


class Segment(NamedTuple):
    """Samples that follow each other without a gap. ``start`` is a ``time.monotonic()`` moment."""

    start: float
    rate: int
    samples: Samples

    @property
    def end(self) -> float:
        """The moment after the last sample."""
        return self.start + len(self.samples) / self.rate


class Speaker:
    """Collects what the board writes to its I2S outputs; what it discards before it was heard is taken back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._segments: list[Segment] = []
        self._rate = _RATE
        self._layout = 0

    def opened(self, rate: int, layout: int) -> None:
        """The board opened its output. Layout: 0 mono 16 bits, 1 mono 32, 2 stereo 16, 3 stereo 32."""
        with self._lock:
            self._rate, self._layout = rate, layout

    def written(self, start: float, data: bytes) -> None:
        """The board wrote samples; the first will be heard at ``start``."""
        wide = self._layout & 1
        samples = (np.frombuffer(data, "<i4") >> 16).astype(np.int16) if wide else np.frombuffer(data, "<i2")
        if self._layout & 2:
            samples = samples[::2]
        with self._lock:
            last = self._segments[-1] if self._segments else None
            if last is not None and last.rate == self._rate and abs(last.end - start) < 1.5 / self._rate:
                # One long array a segment would be copied at every write.
                start = last.end
            self._segments.append(Segment(start, self._rate, samples.astype(np.int16, copy=False)))

    def closed(self, moment: float) -> None:
        """The board closed its output, or lost its power: nothing is heard after that."""
        with self._lock:
            while self._segments and self._segments[-1].end > moment:
                last = self._segments.pop()
                count = round((moment - last.start) * last.rate)
                if count > 0:
                    self._segments.append(last._replace(samples=last.samples[:count]))
                    break

    @property
    def seconds(self) -> float:
        """Seconds that were played so far, silent samples included, gaps not."""
        return sum(len(part.samples) / part.rate for part in self._heard())

    @property
    def audible_seconds(self) -> float:
        """Seconds that could be heard so far, in steps of 10 ms."""
        return len(self._audible_windows()) * _WINDOW_SECONDS

    @property
    def sounding(self) -> bool:
        """Whether something was audible in the last 50 ms."""
        return not self.is_silent(0.05)

    def is_silent(self, last: float) -> bool:
        """Whether nothing was audible in the last so many seconds."""
        since = self.silent_since()
        return since is None or time.monotonic() - since >= last

    def silent_since(self) -> float | None:
        """The ``time.monotonic()`` moment when the last audible sample was over; None when there was none yet."""
        for part in reversed(self._heard()):
            loud = np.flatnonzero(np.abs(part.samples.astype(np.int32)) > AUDIBLE)
            if len(loud):
                return part.start + (int(loud[-1]) + 1) / part.rate
        return None

    def sounding_since(self, moment: float) -> float | None:
        """When the first audible sample after a moment was played; None when there was none yet."""
        for part in self._heard():
            if part.end <= moment:
                continue
            loud = np.flatnonzero(np.abs(part.samples.astype(np.int32)) > AUDIBLE)
            after = loud[part.start + loud / part.rate >= moment]
            if len(after):
                return part.start + int(after[0]) / part.rate
        return None

    def samples(self, since: float = 0.0) -> Samples:
        """All that was heard since a ``time.monotonic()`` moment, from its first sample on: 16 kHz, pauses as zeros."""
        parts = [part for part in self._heard() if part.end > since]
        if not parts:
            return np.zeros(0, np.int16)
        first = parts[0].start
        result = np.zeros(round((parts[-1].end - first) * _RATE), np.int16)
        for rate, start, samples in _joined(parts):
            values = samples if rate == _RATE else soxr.resample(samples, rate, _RATE)
            at = round((start - first) * _RATE)
            end = min(at + len(values), len(result))
            result[at:end] = values[: end - at]
        return result

    def save(self, path: str | Path) -> None:
        """Write all that was heard as a WAV file (16 kHz mono), from the first sample to the last."""
        write_wav(Path(path), self.samples(), _RATE)

    def _heard(self) -> list[Segment]:
        """The samples that have been played by now."""
        now = time.monotonic()
        with self._lock:
            parts = list(self._segments)
        while parts and parts[-1].end > now:
            last = parts.pop()
            count = int((now - last.start) * last.rate)
            if count > 0:
                parts.append(last._replace(samples=last.samples[:count]))
                break
        return parts

    def _audible_windows(self) -> set[int]:
        windows: set[int] = set()
        for part in self._heard():
            loud = np.flatnonzero(np.abs(part.samples.astype(np.int32)) > AUDIBLE)
            windows.update(np.unique(np.floor((part.start + loud / part.rate) / _WINDOW_SECONDS)).astype(int).tolist())
        return windows


def _joined(parts: list[Segment]) -> list[tuple[int, float, Samples]]:
    """Neighbours in one piece, so that resampling sees no edges."""
    result: list[tuple[int, float, list[Samples]]] = []
    end = -1.0
    for part in parts:
        if result and result[-1][0] == part.rate and abs(part.start - end) < 0.5 / part.rate:
            result[-1][2].append(part.samples)
        else:
            result.append((part.rate, part.start, [part.samples]))
        end = part.end
    return [(rate, start, np.concatenate(pieces)) for rate, start, pieces in result]
