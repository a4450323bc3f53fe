"""Audio between a board's format and upstream's: Opus, 16 kHz, 60 ms up; Opus of any rate down.

Codecs are made when there is something to encode or decode: a board that is quiet costs none, and one that has Opus
itself never needs them.
"""

from collections.abc import Iterator

import numpy as np
import soxr
from numpy.typing import NDArray

from posewire.wire.audio import FrameEncoder, frame_encoder
from posewire.wire.messages import AudioParams
from posewire.wire.opus import RATES, OpusDecoder, OpusEncoder, require_opus

RATE_UP = 16000
FRAME_UP = RATE_UP * 60 // 1000

Pcm = NDArray[np.int16]


class Uplink:
    """Takes 16 kHz mono samples of any length, gives Opus packets of 60 ms."""

    def __init__(self) -> None:
        """Raise ProviderError where there is no Opus: at the hello, not with the first frame."""
        require_opus()
        self._encoder: OpusEncoder | None = None
        self._left: Pcm = np.empty(0, np.int16)

    def feed(self, pcm: Pcm) -> Iterator[bytes]:
        """Yield the packets that are full now."""
        samples = np.concatenate((self._left, pcm))
        whole = len(samples) - len(samples) % FRAME_UP
        self._left = samples[whole:]
        for start in range(0, whole, FRAME_UP):
            yield self._encode(samples[start : start + FRAME_UP])

    def flush(self) -> Iterator[bytes]:
        """Yield what is left, padded with silence: the utterance is over."""
        if len(self._left):
            padded = np.concatenate((self._left, np.zeros(FRAME_UP - len(self._left), np.int16)))
            self._left = np.empty(0, np.int16)
            yield self._encode(padded)

    def _encode(self, pcm: Pcm) -> bytes:
        if self._encoder is None:
            self._encoder = OpusEncoder(RATE_UP)
        return self._encoder.encode(pcm)


class Downlink:
    """Takes Opus packets, gives frames in a board's format, rate and duration.

    An Opus decoder gives any of its rates whatever the packet was made at, so upstream's word on its rate, which stock
    servers get wrong, is not needed.
    """

    def __init__(self, params: AudioParams) -> None:
        self._params = params
        self._rate = params.sample_rate if params.sample_rate in RATES else 48000
        self._decoder: OpusDecoder | None = None
        self.reset()

    def reset(self) -> None:
        """Drop what is left and start a new reply."""
        self._encoder: FrameEncoder | None = None
        self._left: Pcm = np.empty(0, np.int16)
        self._resampler: soxr.ResampleStream | None = None

    def take(self, packet: bytes) -> Iterator[bytes]:
        """Yield the frames that are full now; raises FrameError when it is no Opus packet."""
        if self._decoder is None:
            self._decoder = OpusDecoder(self._rate)
        pcm = self._decoder.decode(packet)
        if self._rate != self._params.sample_rate:
            if self._resampler is None:
                rate = self._params.sample_rate
                self._resampler = soxr.ResampleStream(self._rate, rate, 1, dtype="int16", quality="MQ")
            pcm = self._resampler.resample_chunk(pcm)
        samples = np.concatenate((self._left, pcm))
        size = self._params.frame_samples
        whole = len(samples) - len(samples) % size
        self._left = samples[whole:]
        for start in range(0, whole, size):
            yield self._encode(samples[start : start + size])

    def flush(self) -> Iterator[bytes]:
        """Yield the last frame, padded with silence."""
        size = self._params.frame_samples
        if len(self._left):
            padded = np.concatenate((self._left, np.zeros(size - len(self._left), np.int16)))
            yield self._encode(padded)
        self.reset()

    def _encode(self, pcm: Pcm) -> bytes:
        if self._encoder is None:
            self._encoder = frame_encoder(self._params)
        return self._encoder.encode(pcm)
