"""WAV files of 16-bit mono samples, in memory: written, read, and read while they come."""

import struct
from typing import NamedTuple

import numpy as np

from posewire.sound.pcm import Pcm

_CHANNELS_AND_FORMAT = b"\x01\x00\x01\x00"
"""PCM, one channel."""

_BITS = b"\x10\x00"


class WavHeader(NamedTuple):
    """The part of a WAV file before its samples."""

    start: int
    """Bytes before the first sample."""

    size: int
    """Bytes of samples, as the header says; a program that writes to a pipe cannot know it, and writes a large one."""

    rate: int
    """Samples per second."""


def wav_head(samples: int, rate: int) -> bytes:
    """Return what is before the samples in a WAV file of so many of them."""
    size = 2 * samples
    sound_format = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + sound_format + struct.pack("<4sI", b"data", size)


def wav_bytes(pcm: Pcm, rate: int) -> bytes:
    """Return samples as a WAV file."""
    return wav_head(len(pcm), rate) + pcm.astype("<i2", copy=False).tobytes()


def read_wav(data: bytes) -> tuple[Pcm, int]:
    """Return the samples of a WAV file and their rate.

    Raises:
        ValueError: it is not a WAV file of 16-bit mono samples.
    """
    header = wav_header(data, max_header=len(data)) if data[:4] == b"RIFF" else None
    if header is None:
        raise ValueError("it is not a WAV file of 16-bit mono samples")
    count = min(header.size, len(data) - header.start) // 2
    return np.frombuffer(data, "<i2", count, header.start).astype(np.int16), header.rate


def wav_header(data: bytes, max_header: int) -> WavHeader | None:
    """Return the header of a WAV file that begins with ``data``; None while its samples have not begun.

    Raises:
        ValueError: the samples are not mono with 16 bits, or the header is longer than ``max_header`` bytes.
    """
    position, rate = 12, 0
    while position + 8 <= len(data):
        kind, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        body = position + 8
        if kind == b"data" and rate:
            return WavHeader(body, size, rate)
        if kind == b"fmt ":
            if len(data) < body + 16:
                return None
            if data[body : body + 4] != _CHANNELS_AND_FORMAT or data[body + 14 : body + 16] != _BITS:
                raise ValueError("its samples are not mono with 16 bits")
            rate = int.from_bytes(data[body + 4 : body + 8], "little")
        position = body + size + size % 2
    if len(data) > max_header or position > max_header:
        raise ValueError("it has no samples")
    return None
