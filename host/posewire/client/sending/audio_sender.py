"""A sender of audio: any rate in, frames of the connection's format out, with times where both sides take them."""

from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from posewire.client.link.host_link import HostLink
from posewire.client.link.send_queue import Priority
from posewire.client.sending.paced import PacedSender
from posewire.client.sending.pacing import Pacer
from posewire.errors import ConfigError
from posewire.wire.audio import frame_encoder
from posewire.wire.frames import FrameType, build_frame, join_timed
from posewire.wire.messages import AudioParams

_PROTOCOL = 3
_JITTER = 40.0
"""Milliseconds by which calls of ``send`` may come early or late: up to that, the number of samples tells the time."""

_KNOWN = 5.0
"""The same, where the program gives the time: it knows it better."""


class AudioSender(PacedSender):
    """Sends audio to the room, in the format that the connection's hello ended in. ``room.audio_sender()`` makes one.

    ``send`` never blocks: frames leave at the rate at which they are heard; at most ``capacity`` frames wait, then the
    oldest are dropped. ``retries``, ``deadline_ms``: see ``PacedSender``.
    """

    def __init__(
        self, host: HostLink, *, capacity: int = 50, retries: int = 0, deadline_ms: float | None = None
    ) -> None:
        super().__init__(host, capacity, retries=retries, deadline_ms=deadline_ms)
        self._params: AudioParams | None = None
        self._resampler: soxr.ResampleStream | None = None
        self._rate = 0
        self._rest = np.zeros(0, np.int16)
        self._use(host.audio)

    def send(self, samples: NDArray[Any], rate: int | None = None, time_ms: float | None = None) -> int:
        """Give the sender samples; returns how many frames they completed, 0 while the host is away.

        ``samples``: (n,) or (n, channels), which become one; int16, or floats from -1 to 1. ``rate``: in Hz, the
        connection's unless given. ``time_ms``: when the first of them was heard, on the clock that the poses have;
        unless given, the last one was heard just now.

        Raises:
            ConfigError: another type or shape, or no rate.
        """
        if self._params != self._host.audio:
            self._use(self._host.audio)
        assert self._params is not None
        if rate is not None and not rate > 0:
            raise ConfigError(f"rate must be more than 0 Hz, not {rate}")
        rate = rate or self._params.sample_rate
        mono = _mono(samples)
        self._note_time(len(mono), rate, time_ms)
        self._rest = np.concatenate([self._rest, self._resampled(mono, rate)])
        return self._cut(self._params.frame_samples)

    def check(self, samples: NDArray[Any]) -> None:
        """Look whether these are samples; raises ``ConfigError``."""
        _mono(samples)

    @property
    def refused(self) -> int:
        """The number of frames that were dropped because the host was away, or the sender paused or closed."""
        return self.dropped["away"] + self.dropped["paused"] + self.dropped["closed"]

    def flush(self) -> int:
        """Complete the last frame with silence; returns how many frames that were."""
        assert self._params is not None
        missing = -len(self._rest) % self._params.frame_samples
        if missing:
            self._rest = np.concatenate([self._rest, np.zeros(missing, np.int16)])
        return self._cut(self._params.frame_samples)

    def _cut(self, size: int) -> int:
        count = 0
        while len(self._rest) >= size:
            frame, self._rest = self._rest[:size], self._rest[size:]
            assert self._params is not None
            time_ms = round(self._began_ms + 1000 * self._cut_samples / self._params.sample_rate)
            self._cut_samples += size
            if self._accepts():
                self._add(_Frame(frame, time_ms, monotonic()))
                count += 1
        return count

    def _use(self, params: AudioParams) -> None:
        self._params = params
        self._encoder = frame_encoder(params)
        self._pacer = Pacer(1000 / params.frame_duration)
        self._resampler = None
        self._began_ms = self._given_ms = 0.0
        self._cut_samples = 0

    def _note_time(self, count: int, rate: int, time_ms: float | None) -> None:
        """Know when the samples were heard: they follow each other, whenever ``send`` is called with them."""
        assert self._params is not None
        began = 1000 * (monotonic() - count / rate) if time_ms is None else time_ms
        off = abs(began - self._began_ms - self._given_ms)
        if off > _JITTER:
            self._resampler = None  # after a pause, what it holds of the time before belongs to nothing
        if off > (_JITTER if time_ms is None else _KNOWN):
            waiting = 1000 * len(self._rest) / self._params.sample_rate
            self._began_ms, self._given_ms, self._cut_samples = began - waiting, waiting, 0
        self._given_ms += 1000 * count / rate

    def _resampled(self, samples: NDArray[np.float32], rate: int) -> NDArray[np.int16]:
        assert self._params is not None
        wanted = self._params.sample_rate
        if rate != wanted:
            if self._resampler is None or rate != self._rate:
                self._resampler, self._rate = soxr.ResampleStream(rate, wanted, 1, dtype="float32"), rate
            samples = self._resampler.resample_chunk(samples)
        return np.clip(np.rint(samples * 32767), -32768, 32767).astype(np.int16)

    async def _run(self) -> None:
        while True:
            item: _Frame = await self._next(self._pacer.pause)
            if self._is_too_old(item.at):
                continue
            await self._depart(Priority.AUDIO, item.at, partial(self._frame, item))

    def _frame(self, item: "_Frame") -> bytes:
        encoded = self._encoder.encode(item.samples)
        if self._host.audio_time:
            return build_frame(FrameType.TIMED_AUDIO, join_timed(item.time_ms, encoded), _PROTOCOL)
        return build_frame(FrameType.AUDIO, encoded, _PROTOCOL)


@dataclass(frozen=True)
class _Frame:
    samples: NDArray[np.int16]
    time_ms: int
    at: float


def _mono(samples: NDArray[Any]) -> NDArray[np.float32]:
    array = np.asarray(samples)
    if array.ndim not in (1, 2) or (array.dtype != np.int16 and array.dtype.kind != "f"):
        raise ConfigError(f"audio must be int16 or float, (n,) or (n, channels), not {array.dtype} {array.shape}")
    scaled = array.astype(np.float32)
    if array.dtype == np.int16:
        scaled /= np.float32(32767)
    else:
        np.nan_to_num(scaled, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return scaled if scaled.ndim == 1 else scaled.mean(axis=1, dtype=np.float32)
