"""Audio from one device to the host: its frames as 16 kHz samples."""

import numpy as np

from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.sound.resampling import Resampler
from posewire.wire.audio import FrameDecoder, frame_decoder
from posewire.wire.messages import AudioParams


class AudioUplink:
    """One device's uplink. Its decoder is made for the first frame: most devices are quiet, and Opus takes tens of
    kilobytes."""

    def __init__(self, params: AudioParams) -> None:
        self._params = params
        self._decoder: FrameDecoder | None = None
        self._resampler = Resampler(params.sample_rate, SAMPLE_RATE, np.int16)

    def decode(self, payload: bytes) -> Pcm:
        """Return a frame's samples, 16 kHz mono.

        Raises:
            FrameError: the frame does not decode.
        """
        if self._decoder is None:
            self._decoder = frame_decoder(self._params)
        return self._resampler.push(self._decoder.decode(payload))
