"""Audio from the host to one device: framed, encoded, and paced to real time."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from posewire.server.speech_encoding import SpeechEncoding
from posewire.sound.pcm import SAMPLE_RATE, Framer, Pcm
from posewire.sound.resampling import Resampler
from posewire.voice.phrase import Phrase, Sound
from posewire.wire.audio import FrameEncoder, frame_encoder
from posewire.wire.messages import AudioParams

_F = TypeVar("_F", Pcm, bytes)

_QUEUE_LIMIT = 50
"""Frames waiting here before the synthesizer is made to wait."""

_BATCH_MS = 600
"""Audio that is encoded at a time."""


class AudioDownlink:
    """One device's downlink. ``play`` takes audio as fast as it is made; frames leave as fast as they are heard.

    ``burst``: frames sent at once at the beginning of a reply; after them one each frame duration.
    """

    def __init__(
        self, params: AudioParams, send: Callable[[bytes], None], encoding: SpeechEncoding, burst: int
    ) -> None:
        self._params = params
        self._send = send
        self._encoding = encoding
        self._ahead = (burst - 1) * params.frame_duration / 1000
        self._batch = max(1, _BATCH_MS // params.frame_duration)
        self._resampler = Resampler(SAMPLE_RATE, params.sample_rate, np.int16)
        self._framer = Framer(params.frame_samples)
        self._waiting: deque[Pcm | bytes] = deque()
        """Frames in order: samples, or encoded already."""

        self._unsent = 0
        """Frames that wait, here or with the pacer."""

        self._ended = False
        self._pacer: asyncio.Task[None] | None = None
        self._supplied = asyncio.Event()
        self._room = asyncio.Event()
        self.sent = 0
        self.last_sent = -math.inf
        """When the last frame was sent, on ``time.monotonic``'s clock."""

    async def play(self, sound: Sound) -> None:
        """Queue 16 kHz mono samples, or a phrase; waits while three seconds are queued already.

        A phrase begins with a frame of its own: what comes before it is padded with silence.
        """
        if isinstance(sound, Phrase):
            self._queue(self._rest())
            self._queue(await self._encoding.encode_phrase(sound, self._params))
        else:
            self._queue(self._framer.push(self._resampler.push(sound)))
        while self._unsent > _QUEUE_LIMIT and self._pacer is not None:
            if self._pacer.done():
                self._pacer.result()
            self._room.clear()
            await self._room.wait()

    async def finish(self) -> None:
        """Pad the last frame with silence and wait until everything queued has been sent and heard."""
        self._queue(self._rest())
        if self._pacer is not None:
            self._ended = True
            self._supplied.set()
            await self._pacer
        self._reset()

    def cancel(self) -> None:
        """Drop what has not been sent."""
        if self._pacer is not None:
            self._pacer.cancel()
        self._reset()

    # --- inside

    def _reset(self) -> None:
        self._pacer = None
        self._ended = False
        self._framer.clear()
        self._resampler.clear()
        self._waiting = deque()
        self._unsent = 0

    def _rest(self) -> list[Pcm]:
        return self._framer.push(self._resampler.flush()) + self._framer.flush()

    def _queue(self, frames: Sequence[Pcm | bytes]) -> None:
        if frames:
            self._waiting.extend(frames)
            self._unsent += len(frames)
            self._supplied.set()
            if self._pacer is None:
                self._pacer = asyncio.create_task(self._pace(self._waiting))

    async def _pace(self, waiting: deque[Pcm | bytes]) -> None:
        loop = asyncio.get_running_loop()
        period = self._params.frame_duration / 1000
        due = loop.time() - self._ahead
        # One for each reply: after a cancellation, a thread may still be using the last one.
        encoder: FrameEncoder | None = None
        try:
            while waiting or not self._ended:
                if not waiting:
                    self._supplied.clear()
                    await self._supplied.wait()
                    continue
                packets = _leading(waiting, bytes, len(waiting))
                if packets:
                    # The phrase was encoded by itself: what follows it begins anew, too.
                    encoder = None
                else:
                    encoder = encoder or frame_encoder(self._params)
                    frames = _leading(waiting, np.ndarray, self._batch)
                    packets = await self._encoding.encode(encoder, self._params, frames)
                for packet in packets:
                    now = loop.time()
                    # After a pause in the supply the device has run dry: start again with a few frames ahead.
                    due = max(due, now - self._ahead)
                    if due > now:
                        await asyncio.sleep(due - now)
                    self._send(packet)
                    self.sent += 1
                    self.last_sent = time.monotonic()
                    due += period
                    self._unsent -= 1
                    if self._unsent <= _QUEUE_LIMIT:
                        self._room.set()
        finally:
            self._room.set()
        # What was sent ahead has not been heard yet; a device may open its microphone when told that the reply is over.
        await asyncio.sleep(max(0.0, due + self._ahead - loop.time()))


def _leading(waiting: "deque[Pcm | bytes]", kind: type[_F], limit: int) -> list[_F]:
    """Take the frames of one kind at the beginning of a queue, at most so many."""
    found: list[_F] = []
    while waiting and len(found) < limit and isinstance(waiting[0], kind):
        found.append(waiting.popleft())  # type: ignore[arg-type]
    return found
