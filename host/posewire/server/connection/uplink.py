"""Audio from one device to the host: its frames as 16 kHz samples."""

import numpy as np
import soxr
from numpy.typing import NDArray

from posewire.wire.audio import FrameDecoder, frame_decoder
from posewire.wire.messages import AudioParams

_RATE_OUT = 16000


class AudioUplink:
    """One device's uplink. Its decoder is made for the first frame: most devices are quiet, and Opus takes tens of
    kilobytes."""

    def __init__(self, params: AudioParams) -> None:
        self._params = params
        self._decoder: FrameDecoder | None = None
        self._resampler: soxr.ResampleStream | None = None

    def decode(self, payload: bytes) -> NDArray[np.int16]:
        """Return a frame's samples, 16 kHz mono.

        Raises:
            FrameError: the frame does not decode.
        """
        if self._decoder is None:
            self._decoder = frame_decoder(self._params)
            rate = self._params.sample_rate
            if rate != _RATE_OUT:
                self._resampler = soxr.ResampleStream(rate, _RATE_OUT, 1, dtype="int16", quality="MQ")
        pcm = self._decoder.decode(payload)
        return pcm if self._resampler is None else self._resampler.resample_chunk(pcm)
