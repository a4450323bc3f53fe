"""Audio codecs: sound survives, frames stand alone, bad frames are refused."""

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
from posewire.wire.audio import frame_decoder, frame_encoder, negotiate
from posewire.wire.messages import AudioParams, parse_hello
from posewire.wire.mulaw import mulaw_decode, mulaw_encode

VECTORS = Path(__file__).parents[1] / "vectors" / "adpcm.json"
SAMPLES = arrays(np.int16, st.integers(0, 300).map(lambda half: 2 * half))


def snr(original: NDArray[np.int16], copy: NDArray[np.int16]) -> float:
    signal = original.astype(np.float64)
    return float(10 * np.log10((signal**2).sum() / ((signal - copy) ** 2).sum()))


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


@given(SAMPLES)
def test_pcm_is_exact(pcm: NDArray[np.int16]) -> None:
    params = AudioParams("pcm")
    assert np.array_equal(frame_decoder(params).decode(frame_encoder(params).encode(pcm)), pcm)


def test_opus_keeps_speech_intelligible() -> None:
    time = np.arange(16000) / 16000
    speech = (8000 * np.sin(2 * np.pi * 300 * time)).astype(np.int16)
    params = AudioParams("opus")
    encoder, decoder = frame_encoder(params), frame_decoder(params)
    packets = [encoder.encode(speech[start : start + 960]) for start in range(0, 15360, 960)]
    assert max(map(len, packets)) < 300
    heard = np.concatenate([decoder.decode(packet) for packet in packets])
    # Opus delays by its look-ahead; what counts is that the tone is there.
    spectrum = np.abs(np.fft.rfft(heard[4000:12000].astype(np.float64)))
    assert abs(int(spectrum.argmax()) * 2 - 300) <= 4


@given(st.binary(min_size=1, max_size=80))
def test_opus_takes_or_refuses_any_bytes(packet: bytes) -> None:
    try:
        assert len(frame_decoder(AudioParams("opus")).decode(packet)) <= 1920
    except FrameError as error:
        assert "opus" in str(error)


def test_half_a_pcm_sample_is_refused() -> None:
    with pytest.raises(FrameError, match="even"):
        frame_decoder(AudioParams("pcm")).decode(b"\x00\x01\x02")


@pytest.mark.parametrize("stream", json.loads(VECTORS.read_text())["streams"], ids=lambda stream: stream["name"])
def test_shared_vectors(stream: dict[str, Any]) -> None:
    pcm = np.frombuffer(bytes.fromhex(stream["pcm"]), "<i2").reshape(len(stream["frames"]), -1)
    encoder = AdpcmEncoder()
    assert [encoder.encode(part).hex() for part in pcm] == stream["frames"]
    decoded = np.concatenate([adpcm_decode(bytes.fromhex(frame)) for frame in stream["frames"]])
    assert decoded.astype("<i2").tobytes().hex() == stream["decoded"]


def test_every_mulaw_byte_is_its_own_samples_code() -> None:
    every = bytes(range(256))
    again = mulaw_encode(mulaw_decode(every))
    # Of the two codes of zero (0x7F and 0xFF) only one comes back.
    assert [code for code, back in zip(every, again, strict=True) if code != back] == [0x7F]
    # G.711's end points, and its first step.
    assert [int(mulaw_decode(bytes([code]))[0]) for code in (0x00, 0x80, 0xFE, 0x7F)] == [-32124, 32124, 8, 0]


@given(arrays(np.int16, st.integers(0, 600)))
def test_mulaw_is_off_by_no_more_than_its_step(samples: NDArray[np.int16]) -> None:
    frame = mulaw_encode(samples)
    assert len(frame) == len(samples)
    error = np.abs(mulaw_decode(frame).astype(int) - samples.astype(int))
    assert np.all(error <= np.maximum(4, (np.abs(samples.astype(int)) + 132) / 32 + 1))


def test_mulaw_can_be_agreed_on() -> None:
    params = negotiate(parse_hello({"type": "hello", "features": {"codecs": ["mulaw", "pcm"]}}))
    assert params.format == "mulaw"
    sound = (8000 * np.sin(np.arange(960) / 9)).astype(np.int16)
    frame = frame_encoder(params).encode(sound)
    assert len(frame) == 960
    assert snr(sound, frame_decoder(params).decode(frame)) > 35
