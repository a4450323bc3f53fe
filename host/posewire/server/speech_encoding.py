"""The encoding of speech for devices, beside the event loop: Opus takes 0.2 ms and more a frame.

libopus is called without the interpreter's lock. A way to a thread and back costs as much as encoding a frame, so
frames go there together; a phrase that is spoken again and again is encoded once for all devices with the same format.
"""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from posewire.sound.pcm import SAMPLE_RATE, Framer, Pcm
from posewire.sound.resampling import resample
from posewire.voice.phrase import Phrase
from posewire.wire.audio import SLOW_FORMATS, FrameEncoder, frame_encoder
from posewire.wire.messages import AudioParams

_THREADS = max(2, min(4, (os.cpu_count() or 1) - 1))
"""More would take the interpreter from the event loop too often."""

_FORMATS_KEPT = 4
"""Formats in which a phrase is kept: devices choose them, and there are hundreds."""


class SpeechEncoding:
    """Encodes for all connections of a host. Its threads end when it is collected."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, "posewire-encoding")

    async def encode(self, encoder: FrameEncoder, params: AudioParams, frames: Sequence[Pcm]) -> list[bytes]:
        """Encode the next frames of a stream.

        After a cancellation the encoder may be in use still: make another one.

        Raises:
            FrameError: the format has no frames of this length.
        """
        if params.format not in SLOW_FORMATS:
            return _encode(encoder, frames)
        return await asyncio.get_running_loop().run_in_executor(self._pool, _encode, encoder, frames)

    async def encode_phrase(self, phrase: Phrase, params: AudioParams) -> list[bytes]:
        """Return a phrase as frames, the last one padded with silence.

        Raises:
            ProviderError: there is no encoder of this format.
            FrameError: as ``encode``.
        """
        known = phrase.encoded
        if params not in known:
            while len(known) >= _FORMATS_KEPT:
                del known[next(iter(known))]
            encoding = asyncio.get_running_loop().run_in_executor(self._pool, _encode_phrase, phrase.samples, params)
            known[params] = encoding
        # Shielded: others may wait for it, too.
        return await asyncio.shield(known[params])


def _encode(encoder: FrameEncoder, frames: Sequence[Pcm]) -> list[bytes]:
    return [encoder.encode(frame) for frame in frames]


def _encode_phrase(samples: Pcm, params: AudioParams) -> list[bytes]:
    framer = Framer(params.frame_samples)
    frames = framer.push(resample(samples, SAMPLE_RATE, params.sample_rate).astype(np.int16, copy=False))
    return _encode(frame_encoder(params), frames + framer.flush())
