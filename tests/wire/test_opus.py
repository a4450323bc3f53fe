"""Opus: sound survives, and whatever a peer sends is decoded or refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import FrameError, ProviderError
from posewire.wire.opus import DURATIONS, RATES, OpusDecoder, OpusEncoder, opus_available


def test_opus_keeps_speech_intelligible() -> None:
    time = np.arange(16000) / 16000
    speech = (8000 * np.sin(2 * np.pi * 300 * time)).astype(np.int16)
    encoder, decoder = OpusEncoder(16000), OpusDecoder(16000)
    packets = [encoder.encode(speech[start : start + 960]) for start in range(0, 15360, 960)]
    assert max(map(len, packets)) < 300
    heard = np.concatenate([decoder.decode(packet) for packet in packets])
    # Opus delays by its look-ahead; what counts is that the tone is there.
    spectrum = np.abs(np.fft.rfft(heard[4000:12000].astype(np.float64)))
    assert abs(int(spectrum.argmax()) * 2 - 300) <= 4


@given(st.binary(min_size=1, max_size=80))
def test_opus_takes_or_refuses_any_bytes(packet: bytes) -> None:
    try:
        assert len(OpusDecoder(16000).decode(packet)) <= 1920
    except FrameError as error:
        assert "opus" in str(error)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("duration", DURATIONS)
def test_a_frame_of_every_rate_and_duration_comes_back_as_long_as_it_was(rate: int, duration: int) -> None:
    samples = rate * duration // 1000
    packet = OpusEncoder(rate).encode(np.zeros(samples, np.int16))
    assert len(OpusDecoder(rate).decode(packet)) == samples


def test_a_packet_of_one_rate_decodes_at_another() -> None:
    packet = OpusEncoder(48000).encode(np.zeros(2880, np.int16))
    assert len(OpusDecoder(16000).decode(packet)) == 960


def test_other_lengths_and_rates_are_refused() -> None:
    assert opus_available()
    with pytest.raises(FrameError, match="961 samples"):
        OpusEncoder(16000).encode(np.zeros(961, np.int16))
    with pytest.raises(ProviderError, match="44100"):
        OpusEncoder(44100)
    with pytest.raises(ProviderError, match="44100"):
        OpusDecoder(44100)


def test_what_was_decoded_stays_when_the_next_packet_comes() -> None:
    encoder, decoder = OpusEncoder(16000), OpusDecoder(16000)
    tone = (8000 * np.sin(np.arange(960) / 9)).astype(np.int16)
    packets = [encoder.encode(tone) for _ in range(4)]
    heard = decoder.decode(packets[0])
    before = heard.copy()
    for packet in packets[1:]:
        decoder.decode(packet)
    assert np.array_equal(heard, before)
