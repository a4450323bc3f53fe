"""Audio from the host to one device: framed, encoded, and paced to real time."""

import asyncio
import math
import time
from collections.abc import Callable

import numpy as np

from posewire.pcm import SAMPLE_RATE, Framer, Pcm
from posewire.resampling import Resampler
from posewire.wire.audio import FrameEncoder, frame_encoder
from posewire.wire.messages import AudioParams

AHEAD = 5
"""Frames sent at once at the start of a reply; after that one each frame duration. Devices buffer 40."""

_QUEUE_LIMIT = 50
"""Frames waiting here before the synthesizer is made to wait."""


class AudioDownlink:
    """One device's downlink. ``play`` takes audio as fast as it is made; frames leave as fast as they are heard."""

    def __init__(self, params: AudioParams, send: Callable[[bytes], None]) -> None:
        self._params = params
        self._send = send
        self._encoder: FrameEncoder | None = None
        """Made for the first frame: a device that is never spoken to needs none, and Opus takes tens of kilobytes."""

        self._resampler = Resampler(SAMPLE_RATE, params.sample_rate, np.int16)
        self._framer = Framer(params.frame_samples)
        self._queue: asyncio.Queue[Pcm | None] = asyncio.Queue(_QUEUE_LIMIT)
        self._pacer: asyncio.Task[None] | None = None
        self.sent = 0
        self.last_sent = -math.inf
        """When the last frame was sent, on ``time.monotonic``'s clock."""

    async def play(self, pcm: Pcm) -> None:
        """Queue 16 kHz mono samples; waits while three seconds are queued already."""
        await self._enqueue(self._framer.push(self._resampler.push(pcm)))

    async def finish(self) -> None:
        """Pad the last frame with silence and wait until everything queued has been sent and heard."""
        frames = self._framer.push(self._resampler.flush()) + self._framer.flush()
        await self._enqueue(frames)
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
        self._framer.clear()
        self._queue = asyncio.Queue(_QUEUE_LIMIT)
        self._resampler.clear()

    async def _enqueue(self, frames: list[Pcm]) -> None:
        for frame in frames:
            if self._pacer is None:
                self._pacer = asyncio.create_task(self._pace())
            await self._queue.put(frame)

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
            self.last_sent = time.monotonic()
            due += period
        # What was sent ahead has not been heard yet; a device may open its microphone when told that the reply is over.
        await asyncio.sleep(max(0.0, due + AHEAD * period - loop.time()))
