"""Audio from the host to one device: framed, encoded, and paced to real time."""

import asyncio
from collections.abc import Callable

import numpy as np
import soxr
from numpy.typing import NDArray

from posewire.wire.audio import FrameEncoder, frame_encoder
from posewire.wire.messages import AudioParams

AHEAD = 5
"""Frames sent at once at the start of a reply; after that one each frame duration. Devices buffer 40."""

_QUEUE_LIMIT = 50
"""Frames waiting here before the synthesizer is made to wait."""

_RATE_IN = 16000


class AudioDownlink:
    """One device's downlink. ``play`` takes audio as fast as it is made; frames leave as fast as they are heard."""

    def __init__(self, params: AudioParams, send: Callable[[bytes], None]) -> None:
        self._params = params
        self._send = send
        self._encoder: FrameEncoder | None = None
        """Made for the first frame: a device that is never spoken to needs none, and Opus takes tens of kilobytes."""

        self._resampler: soxr.ResampleStream | None = None
        self._left: NDArray[np.int16] = np.empty(0, np.int16)
        self._queue: asyncio.Queue[NDArray[np.int16] | None] = asyncio.Queue(_QUEUE_LIMIT)
        self._pacer: asyncio.Task[None] | None = None
        self.sent = 0

    async def play(self, pcm: NDArray[np.int16]) -> None:
        """Queue 16 kHz mono samples; waits while three seconds are queued already."""
        await self._enqueue(pcm, last=False)

    async def finish(self) -> None:
        """Pad the last frame with silence and wait until everything queued has been sent and heard."""
        await self._enqueue(np.empty(0, np.int16), last=True)
        if self._pacer is not None:
            await self._queue.put(None)
            await self._pacer
            self._pacer = None
        self._reset()

    def cancel(self) -> None:
        """Drop what has not been sent."""
        if self._pacer is not None:
            self._pacer.cancel()
            self._pacer = None
        self._reset()

    # --- inside

    def _reset(self) -> None:
        self._left = np.empty(0, np.int16)
        self._queue = asyncio.Queue(_QUEUE_LIMIT)
        self._resampler = None

    async def _enqueue(self, pcm: NDArray[np.int16], last: bool) -> None:
        if self._params.sample_rate != _RATE_IN:
            if self._resampler is None:
                rate = self._params.sample_rate
                self._resampler = soxr.ResampleStream(_RATE_IN, rate, 1, dtype="int16", quality="MQ")
            pcm = self._resampler.resample_chunk(pcm, last=last)
        samples = np.concatenate((self._left, pcm))
        size = self._params.frame_samples
        if last and len(samples) % size:
            samples = np.concatenate((samples, np.zeros(size - len(samples) % size, np.int16)))
        whole = len(samples) - len(samples) % size
        self._left = samples[whole:]
        for start in range(0, whole, size):
            if self._pacer is None:
                self._pacer = asyncio.create_task(self._pace())
            await self._queue.put(samples[start : start + size])

    async def _pace(self) -> None:
        loop = asyncio.get_running_loop()
        if self._encoder is None:
            self._encoder = frame_encoder(self._params)
        period = self._params.frame_duration / 1000
        due = loop.time() - AHEAD * period
        while (frame := await self._queue.get()) is not None:
            now = loop.time()
            # After a pause in the supply the device has run dry: start again with a few frames ahead.
            due = max(due, now - AHEAD * period)
            if due > now:
                await asyncio.sleep(due - now)
            self._send(self._encoder.encode(frame))
            self.sent += 1
            due += period
        # What was sent ahead has not been heard yet; a device may open its microphone when told that the reply is over.
        await asyncio.sleep(max(0.0, due + AHEAD * period - loop.time()))
