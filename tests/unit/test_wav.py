"""WAV files in memory: read back as they were written, whole or while they come; anything else is refused."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.sound.wav import read_wav, wav_bytes, wav_header

SAMPLES = st.lists(st.integers(-32768, 32767), max_size=50).map(lambda values: np.array(values, np.int16))


@given(SAMPLES, st.integers(1, 192_000))
def test_what_is_written_is_read(pcm: np.ndarray, rate: int) -> None:
    found, found_rate = read_wav(wav_bytes(pcm, rate))
    assert found_rate == rate
    assert np.array_equal(found, pcm)


def test_a_writer_to_a_pipe_does_not_know_the_length() -> None:
    data = bytearray(wav_bytes(np.arange(100, dtype=np.int16), 16_000))
    data[40:44] = struct.pack("<I", 0x7FFFFFFF)
    assert read_wav(bytes(data))[0].tolist() == list(range(100))


@given(SAMPLES, st.integers(0, 200))
def test_a_header_is_found_when_it_is_complete_and_not_before(pcm: np.ndarray, size: int) -> None:
    data = wav_bytes(pcm, 24_000)
    header = wav_header(data[:size], 4096)
    assert (header is None) == (size < 44)
    if header is not None:
        assert (header.start, header.rate) == (44, 24_000)


def test_other_chunks_are_passed_over_but_not_for_ever() -> None:
    data = wav_bytes(np.arange(4, dtype=np.int16), 8000)
    extra = data[:36] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + data[36:]
    assert read_wav(extra)[0].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="no samples"):
        wav_header(data[:36] + b"LIST" + struct.pack("<I", 5000), 4096)


@pytest.mark.parametrize(("offset", "value"), [(22, 2), (34, 8), (20, 3)], ids=["stereo", "8 bits", "not PCM"])
def test_other_forms_of_samples_are_refused(offset: int, value: int) -> None:
    data = bytearray(wav_bytes(np.zeros(4, np.int16), 8000))
    data[offset] = value
    with pytest.raises(ValueError, match="mono"):
        read_wav(bytes(data))


@given(st.binary(max_size=200))
def test_garbage_is_no_wav(data: bytes) -> None:
    for text in (data, b"RIFF" + data):
        with pytest.raises(ValueError):
            read_wav(text)
