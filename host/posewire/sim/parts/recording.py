"""WAV files as 16-bit mono samples, and back."""

import wave
from io import BytesIO
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from posewire.errors import SimulatorError

Samples = NDArray[np.int16]


def read_wav(path: Path, rate: int) -> Samples:
    """Read a PCM WAV file of any rate and number of channels as mono int16 samples at ``rate``.

    Raises SimulatorError for what is not a PCM WAV file.
    """
    try:
        with wave.open(BytesIO(_plain_header(path.read_bytes())), "rb") as file:
            channels, width, its_rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise SimulatorError(f"{path}: not a PCM WAV file that can be read ({error})") from error
    mono = _floats(data, width).reshape(-1, channels).mean(axis=1)
    if its_rate != rate:
        mono = soxr.resample(mono, its_rate, rate)
    return to_int16(mono)


def _plain_header(data: bytes) -> bytes:
    """Name the format that WAVE_FORMAT_EXTENSIBLE hides in its sub-format: before 3.12, `wave` knows PCM only."""
    at = data.find(b"fmt ")
    if at >= 0 and data[at + 8 : at + 10] == b"\xfe\xff":
        return data[: at + 8] + data[at + 32 : at + 34] + data[at + 10 :]
    return data


def write_wav(path: Path, samples: Samples, rate: int) -> None:
    """Write mono samples as a 16-bit WAV file. Raises OSError."""
    # Not opened by wave, whose object complains when it is thrown away after a failure.
    with path.open("wb") as stream, wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2", copy=False).tobytes())


def to_int16(values: NDArray[np.float64]) -> Samples:
    """Round and clip values of -1 … 1 to int16."""
    return np.clip(np.round(values * 32768.0), -32768, 32767).astype(np.int16)


def _floats(data: bytes, width: int) -> NDArray[np.float64]:
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float64) - 128.0) / 128.0
    if width == 3:
        raw = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.int32)
        joined = (raw[:, 0] << 8 | raw[:, 1] << 16 | raw[:, 2] << 24) >> 8
        return joined.astype(np.float64) / 2.0**23
    scale = 2.0 ** (8 * width - 1)
    return np.frombuffer(data, f"<i{width}").astype(np.float64) / scale
