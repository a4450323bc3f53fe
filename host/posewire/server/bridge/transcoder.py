"""Audio between a board's format and upstream's: Opus, 16 kHz, 60 ms up; Opus of any rate down.

Codecs are made when there is something to encode or decode: a board that is quiet costs none, nor does one whose own
Opus packets have upstream's length.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from posewire.server.speech_encoding import SpeechEncoding
from posewire.sound.pcm import SAMPLE_RATE, Framer, Pcm
from posewire.sound.resampling import Resampler
from posewire.wire.audio import FrameEncoder, frame_encoder
from posewire.wire.messages import AudioParams
from posewire.wire.opus import RATES, OpusDecoder, OpusEncoder, packet_duration, require_opus

FRAME_UP = SAMPLE_RATE * 60 // 1000


class Uplink:
    """Takes 16 kHz mono samples of any length, gives Opus packets of 60 ms."""

    def __init__(self) -> None:
        """Raise ProviderError where there is no Opus: at the hello, not with the first frame."""
        require_opus()
        self._encoder: OpusEncoder | None = None
        self._framer = Framer(FRAME_UP)

    def feed(self, pcm: Pcm) -> Iterator[bytes]:
        """Yield the packets that are full now."""
        return self._encode(self._framer.push(pcm))

    def flush(self) -> Iterator[bytes]:
        """Yield the last packet, padded with silence: the utterance is over."""
        return self._encode(self._framer.flush())

    def _encode(self, frames: Iterable[Pcm]) -> Iterator[bytes]:
        for frame in frames:
            if self._encoder is None:
                self._encoder = OpusEncoder(SAMPLE_RATE)
            yield self._encoder.encode(frame)


class Downlink:
    """Takes Opus packets, gives frames in a board's format, rate and duration.

    An Opus decoder gives any of its rates whatever the packet was made at, so upstream's word on its rate, which stock
    servers get wrong, is not needed. A packet that is what the board takes passes as it is: stock servers send 60 ms
    whatever the board has asked for.
    """

    def __init__(self, params: AudioParams, encoding: SpeechEncoding) -> None:
        self._params = params
        self._encoding = encoding
        self._rate = params.sample_rate if params.sample_rate in RATES else 48000
        self._decoder: OpusDecoder | None = None
        self._encoder: FrameEncoder | None = None
        """Made anew for each reply that has something to encode."""

        self._framer = Framer(params.frame_samples)
        self._resampler = Resampler(self._rate, params.sample_rate, np.int16)

    def reset(self) -> None:
        """Drop the samples that have not been sent, and start a new reply."""
        self._encoder = None
        self._framer.clear()
        self._resampler.clear()

    async def feed(self, packet: bytes) -> list[bytes]:
        """Return the frames that are full now; none after a ``reset`` meanwhile.

        Raises:
            FrameError: it is no Opus packet.
        """
        if self._encoder is None and self._fits(packet):
            return [packet]
        if self._decoder is None:
            self._decoder = OpusDecoder(self._rate)
        return await self._encode(self._framer.push(self._resampler.push(self._decoder.decode(packet))))

    async def flush(self) -> list[bytes]:
        """Return the last frame, padded with silence."""
        frames = await self._encode(self._framer.flush())
        self.reset()
        return frames

    def _fits(self, packet: bytes) -> bool:
        return self._params.format == "opus" and packet_duration(packet) == self._params.frame_duration

    async def _encode(self, frames: list[Pcm]) -> list[bytes]:
        encoder = self._encoder = self._encoder or frame_encoder(self._params)
        encoded = await self._encoding.encode(encoder, self._params, frames) if frames else []
        return encoded if encoder is self._encoder else []
