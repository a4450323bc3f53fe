"""IMA-ADPCM: sound survives, frames stand alone, bad frames are refused, the compiled and the plain code agree."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from posewire.errors import FrameError
from posewire.wire.adpcm import HEADER, AdpcmEncoder, adpcm_decode, decode_plain, encode_plain
from support.sound import snr

VECTORS = Path(__file__).parents[1] / "vectors" / "adpcm.json"
SAMPLES = arrays(np.int16, st.integers(0, 300).map(lambda half: 2 * half))


def test_adpcm_keeps_speech_intelligible() -> None:
    time = np.arange(9600) / 16000
    speech = (6000 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2).astype(np.int16)
    encoder = AdpcmEncoder()
    frames = [encoder.encode(speech[start : start + 960]) for start in range(0, 9600, 960)]
    assert all(len(frame) == 484 for frame in frames)
    assert snr(speech, np.concatenate([adpcm_decode(frame) for frame in frames])) > 20


def test_an_adpcm_frame_decodes_without_those_before_it() -> None:
    noise = np.random.default_rng(1).integers(-20000, 20000, 1920).astype(np.int16)
    encoder = AdpcmEncoder()
    encoder.encode(noise[:960])
    second = encoder.encode(noise[960:])
    assert snr(noise[960:], adpcm_decode(second)) > 5


@given(arrays(np.int16, st.integers(0, 120).map(lambda half: 2 * half)), st.integers(-32768, 32767), st.integers(0, 88))
def test_the_compiled_adpcm_and_the_plain_one_are_equal(pcm: NDArray[np.int16], predictor: int, index: int) -> None:
    encoder = AdpcmEncoder()
    encoder.predictor, encoder.index = predictor, index
    frame = encoder.encode(pcm)
    assert (frame[HEADER.size :], encoder.predictor, encoder.index) == encode_plain(pcm, predictor, index)
    assert np.array_equal(adpcm_decode(frame), decode_plain(frame[HEADER.size :], predictor, index))


@given(SAMPLES)
def test_adpcm_takes_any_samples(pcm: NDArray[np.int16]) -> None:
    assert len(adpcm_decode(AdpcmEncoder().encode(pcm))) == len(pcm)


@given(st.binary(max_size=64))
def test_adpcm_takes_or_refuses_any_bytes(frame: bytes) -> None:
    if len(frame) < 4 or frame[2] > 88:
        with pytest.raises(FrameError):
            adpcm_decode(frame)
    else:
        assert len(adpcm_decode(frame)) == 2 * (len(frame) - 4)


@pytest.mark.parametrize("stream", json.loads(VECTORS.read_text())["streams"], ids=lambda stream: stream["name"])
def test_shared_vectors(stream: dict[str, Any]) -> None:
    pcm = np.frombuffer(bytes.fromhex(stream["pcm"]), "<i2").reshape(len(stream["frames"]), -1)
    encoder = AdpcmEncoder()
    assert [encoder.encode(part).hex() for part in pcm] == stream["frames"]
    decoded = np.concatenate([adpcm_decode(bytes.fromhex(frame)) for frame in stream["frames"]])
    assert decoded.astype("<i2").tobytes().hex() == stream["decoded"]
