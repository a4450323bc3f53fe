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
from posewire.wire.mulaw import mulaw_decode, mulaw_encode
from posewire.wire.opus import DURATIONS, RATES, OpusDecoder, OpusEncoder, opus_available

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
            raise FrameError(f"a pcm frame must have an even number of bytes; got {len(frame)}")
        return np.frombuffer(frame, "<i2").astype(np.int16, copy=False)


class AdpcmDecoder:
    """``ima-adpcm``: stateless, each frame carries its own start."""

    def decode(self, frame: bytes) -> Pcm:
        """Return the samples; raises FrameError."""
        return adpcm_decode(frame)


class MulawCodec:
    """``mulaw``: stateless, a byte a sample."""

    def encode(self, pcm: Pcm) -> bytes:
        """Return a byte for each sample."""
        return mulaw_encode(pcm)

    def decode(self, frame: bytes) -> Pcm:
        """Return the samples."""
        return mulaw_decode(frame)


_ENCODERS: dict[str, Callable[[AudioParams], FrameEncoder]] = {
    "opus": lambda params: OpusEncoder(params.sample_rate),
    "pcm": lambda params: PcmCodec(),
    "ima-adpcm": lambda params: AdpcmEncoder(),
    "mulaw": lambda params: MulawCodec(),
}
_DECODERS: dict[str, Callable[[AudioParams], FrameDecoder]] = {
    "opus": lambda params: OpusDecoder(params.sample_rate),
    "pcm": lambda params: PcmCodec(),
    "ima-adpcm": lambda params: AdpcmDecoder(),
    "mulaw": lambda params: MulawCodec(),
}


SLOW_FORMATS = frozenset({"opus"})
"""Formats that take so long to encode, without the interpreter's lock, that it is worth a thread."""


def frame_encoder(params: AudioParams) -> FrameEncoder:
    """Return a fresh encoder for a negotiated format."""
    return _ENCODERS[params.format](params)


def frame_decoder(params: AudioParams) -> FrameDecoder:
    """Return a fresh decoder for a negotiated format."""
    return _DECODERS[params.format](params)


def negotiate(hello: Hello) -> AudioParams:
    """Choose what both sides will send, from what a device's hello offers.

    The first of its codecs that the host has wins, at the device's own rate and frame duration. A client that says
    nothing of audio gets what stock servers and their web clients use, Opus of 16 kHz and 60 ms; where this host has no
    Opus, ``pcm``.

    Raises:
        WireError: ``unsupported_audio``: no format in common, or not mono.
    """
    if hello.audio is None and not hello.codecs:
        return AudioParams("opus" if opus_available() else "pcm")
    offer = hello.audio or AudioParams()
    if offer.channels != 1:
        raise WireError("this host takes mono audio only (channels 1)", "unsupported_audio")
    here = [name for name in _ENCODERS if name != "opus" or opus_available()]
    for name in hello.codecs:
        if name in here:
            params = AudioParams(name, offer.sample_rate, 1, offer.frame_duration)
            return opus_params(params) if name == "opus" else params
    hint = "" if "opus" in here else " (for opus, install libopus, or the extra posewire[opus])"
    offered = ", ".join(hello.codecs)
    raise WireError(
        f"no audio format in common: the device offers {offered}; this host has {', '.join(here)}{hint}",
        "unsupported_audio",
    )


def negotiate_uplink(hello: Hello, downlink: AudioParams, wish: str = "") -> AudioParams:
    """Choose what a device will send: the format of the downlink, unless its hello lists what it can send.

    Of those the first wins that the host has, or the one that the host wishes for.
    """
    offered = [name for name in hello.uplink if name in _DECODERS and (name != "opus" or opus_available())]
    if not offered:
        return downlink
    name = wish if wish in offered else offered[0]
    params = AudioParams(name, downlink.sample_rate, 1, downlink.frame_duration)
    return opus_params(params) if name == "opus" else params


def opus_params(params: AudioParams) -> AudioParams:
    """Return the nearest rate and duration that Opus has: 16 kHz and 60 ms where the wanted ones do not exist."""
    rate = params.sample_rate if params.sample_rate in RATES else 16000
    duration = params.frame_duration if params.frame_duration in DURATIONS else 60
    return AudioParams("opus", rate, 1, duration)
