"""Opus by libopus (RFC 6716), through a small ctypes binding: what stock xiaozhi devices speak.

The library is the system's, or the copy inside the PyAV package (extra ``opus``). It is looked for at first use.
"""

import ctypes
import ctypes.util
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posewire.errors import FrameError, ProviderError

RATES = (8000, 12000, 16000, 24000, 48000)
"""Sample rates that libopus codes, in Hz."""

DURATIONS = (5, 10, 20, 40, 60)
"""Frame durations that one Opus packet has, in whole ms."""

_APPLICATION_VOIP = 2048
_SET_BITRATE = 4002
_SET_COMPLEXITY = 4010
_BITRATE = 24000
_COMPLEXITY = 4
_MAX_PACKET = 4000
_LONGEST_MS = 120


def require_opus() -> None:
    """Do nothing where a libopus can be loaded on this machine.

    Raises:
        ProviderError: there is none; the message says what to install.
    """
    _library()


def opus_available() -> bool:
    """Tell whether a libopus can be loaded on this machine."""
    try:
        require_opus()
    except ProviderError:
        return False
    return True


def packet_duration(packet: bytes) -> float:
    """Return the milliseconds of sound in a packet, by its first bytes (RFC 6716, section 3.1); 0: it has none."""
    if not packet:
        return 0.0
    config, code = packet[0] >> 3, packet[0] & 3
    frames = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[code]
    if config < 12:
        return frames * (10.0, 20.0, 40.0, 60.0)[config & 3]
    return frames * ((10.0, 20.0)[config & 1] if config < 16 else (2.5, 5.0, 10.0, 20.0)[config & 3])


class OpusEncoder:
    """Encodes mono frames of 2.5, 5, 10, 20, 40 or 60 ms at about 24 kbit/s."""

    def __init__(self, sample_rate: int) -> None:
        self._lib = _library()
        error = ctypes.c_int()
        self._state = self._lib.opus_encoder_create(sample_rate, 1, _APPLICATION_VOIP, ctypes.byref(error))
        if error.value:
            raise ProviderError(f"libopus cannot encode at {sample_rate} Hz")
        self._lib.opus_encoder_ctl(self._state, _SET_BITRATE, ctypes.c_int(_BITRATE))
        self._lib.opus_encoder_ctl(self._state, _SET_COMPLEXITY, ctypes.c_int(_COMPLEXITY))
        self._packet = ctypes.create_string_buffer(_MAX_PACKET)

    def encode(self, pcm: NDArray[np.int16]) -> bytes:
        """Encode one frame; raises FrameError for a length that Opus does not have."""
        samples = np.ascontiguousarray(pcm, np.int16)
        size = self._lib.opus_encode(self._state, samples.ctypes.data, len(samples), self._packet, _MAX_PACKET)
        if size < 0:
            raise FrameError(f"libopus cannot encode a frame of {len(samples)} samples ({size})")
        # ``raw`` would copy all of the buffer, 4000 bytes, for a packet of a hundred.
        return ctypes.string_at(self._packet, size)

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_encoder_destroy(self._state)


class OpusDecoder:
    """Decodes the packets of one stream to mono samples."""

    def __init__(self, sample_rate: int) -> None:
        self._lib = _library()
        error = ctypes.c_int()
        self._state = self._lib.opus_decoder_create(sample_rate, 1, ctypes.byref(error))
        if error.value:
            raise ProviderError(f"libopus cannot decode to {sample_rate} Hz")
        self._pcm = np.empty(sample_rate * _LONGEST_MS // 1000, np.int16)

    def decode(self, frame: bytes) -> NDArray[np.int16]:
        """Decode one packet; raises FrameError when it is none."""
        size = self._lib.opus_decode(self._state, frame, len(frame), self._pcm.ctypes.data, len(self._pcm), 0)
        if size < 0:
            raise FrameError(f"this is not an opus packet ({size})")
        return self._pcm[:size].copy()

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_decoder_destroy(self._state)


@cache
def _library() -> ctypes.CDLL:
    for name in _candidates():
        try:
            lib = ctypes.CDLL(name)
        except OSError:
            continue
        pointer, integer = ctypes.c_void_p, ctypes.c_int
        lib.opus_encoder_create.restype = lib.opus_decoder_create.restype = pointer
        lib.opus_encoder_create.argtypes = [integer, integer, integer, ctypes.POINTER(integer)]
        lib.opus_decoder_create.argtypes = [integer, integer, ctypes.POINTER(integer)]
        # The fixed arguments only: ctypes passes what follows as variadic, which some platforms pass differently.
        lib.opus_encoder_ctl.argtypes = [pointer, integer]
        lib.opus_encode.argtypes = [pointer, pointer, integer, ctypes.c_char_p, ctypes.c_int32]
        lib.opus_decode.argtypes = [pointer, ctypes.c_char_p, ctypes.c_int32, pointer, integer, integer]
        lib.opus_encoder_destroy.argtypes = lib.opus_decoder_destroy.argtypes = [pointer]
        lib.opus_encoder_destroy.restype = lib.opus_decoder_destroy.restype = None
        return lib
    raise ProviderError("opus needs libopus: apt install libopus0, brew install opus, or pip install 'posewire[opus]'")


def _candidates() -> list[str]:
    names = ["libopus.so.0", "libopus.0.dylib", "opus.dll", "/opt/homebrew/lib/libopus.0.dylib"]
    found = ctypes.util.find_library("opus")
    if found:
        names.insert(0, found)
    # Located, not imported: PyAV is large, and only the library inside is wanted.
    spec = find_spec("av")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for folder in (package.parent / "av.libs", package / ".dylibs"):
            names += [str(path) for path in sorted(folder.glob("libopus*"))]
    return names
