"""Audio from one device to the host: its frames as 16 kHz samples."""

import math
from time import monotonic

import numpy as np

from posewire.sound.pcm import SAMPLE_RATE, Pcm
from posewire.sound.resampling import Resampler
from posewire.wire.audio import FrameDecoder, frame_decoder
from posewire.wire.messages import AudioParams

_FRESH_SECONDS = 1.0
_SILENCE = -90.0


class AudioUplink:
    """One device's uplink. Its decoder is made for the first frame: most devices are quiet, and Opus takes tens of
    kilobytes."""

    def __init__(self, params: AudioParams) -> None:
        self._params = params
        self._decoder: FrameDecoder | None = None
        self._resampler = Resampler(params.sample_rate, SAMPLE_RATE, np.int16)
        self._newest: tuple[float, Pcm] | None = None

    def decode(self, payload: bytes) -> Pcm:
        """Return a frame's samples, 16 kHz mono.

        Raises:
            FrameError: the frame does not decode.
        """
        if self._decoder is None:
            self._decoder = frame_decoder(self._params)
        samples = self._resampler.push(self._decoder.decode(payload))
        self._newest = monotonic(), samples
        return samples

    @property
    def level(self) -> float | None:
        """The loudness of the newest frame in dB of full scale (-90 … 0); None without one in the last second."""
        if self._newest is None or monotonic() - self._newest[0] > _FRESH_SECONDS or not len(self._newest[1]):
            return None
        loudness = float(np.sqrt(np.mean(np.square(self._newest[1].astype(np.float64))))) / 32768
        return round(max(_SILENCE, 20 * math.log10(loudness)) if loudness else _SILENCE, 1)
