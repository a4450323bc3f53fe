"""Audio frames of the wire: one encoder or decoder object per stream, chosen by format name.

A new format is one entry in ``_ENCODERS`` and ``_DECODERS``.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from posewire.errors import FrameError, WireError
from posewire.wire.adpcm import AdpcmEncoder, adpcm_decode
from posewire.wire.messages import AudioParams, Hello

Pcm = NDArray[np.int16]


class FrameEncoder(Protocol):
    """Encodes the frames of one stream, in order."""

    def encode(self, pcm: Pcm) -> bytes:
        """Encode one frame of mono int16 samples."""
        ...


class FrameDecoder(Protocol):
    """Decodes the frames of one stream, in order."""

    def decode(self, frame: bytes) -> Pcm:
        """Decode one frame to mono int16 samples; raises FrameError."""
        ...


class PcmCodec:
    """``pcm``: signed 16-bit little-endian samples, as they are."""

    def encode(self, pcm: Pcm) -> bytes:
        """Return the samples' bytes."""
        return pcm.astype("<i2", copy=False).tobytes()

    def decode(self, frame: bytes) -> Pcm:
        """Return the samples; raises FrameError for an odd number of bytes."""
        if len(frame) & 1:
            raise FrameError(f"a pcm frame has an even number of bytes; got {len(frame)}")
        return np.frombuffer(frame, "<i2").astype(np.int16, copy=False)


class AdpcmDecoder:
    """``ima-adpcm``: stateless, each frame carries its own start."""

    def decode(self, frame: bytes) -> Pcm:
        """Return the samples; raises FrameError."""
        return adpcm_decode(frame)


_ENCODERS: dict[str, Callable[[AudioParams], FrameEncoder]] = {
    "pcm": lambda params: PcmCodec(),
    "ima-adpcm": lambda params: AdpcmEncoder(),
}
_DECODERS: dict[str, Callable[[AudioParams], FrameDecoder]] = {
    "pcm": lambda params: PcmCodec(),
    "ima-adpcm": lambda params: AdpcmDecoder(),
}


def frame_encoder(params: AudioParams) -> FrameEncoder:
    """Return a fresh encoder for a negotiated format."""
    return _ENCODERS[params.format](params)


def frame_decoder(params: AudioParams) -> FrameDecoder:
    """Return a fresh decoder for a negotiated format."""
    return _DECODERS[params.format](params)


def negotiate(hello: Hello) -> AudioParams:
    """Choose what both sides will send, from what a device's hello offers.

    The first of its codecs that the host has wins, at the device's own rate and frame duration. A client that says
    nothing of audio gets 16 kHz ``pcm``.

    Raises:
        WireError: ``unsupported_audio``: no format in common, or not mono.
    """
    if hello.audio is None and not hello.codecs:
        return AudioParams()
    params = hello.audio or AudioParams()
    if params.channels != 1:
        raise WireError("this host takes mono audio only (channels 1)", "unsupported_audio")
    for name in hello.codecs:
        if name in _ENCODERS:
            return AudioParams(name, params.sample_rate, 1, params.frame_duration)
    raise WireError(
        f"no audio format in common: the device offers {', '.join(hello.codecs)}; this host has {', '.join(_ENCODERS)}",
        "unsupported_audio",
    )
