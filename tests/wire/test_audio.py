"""Audio formats: what both sides agree on, and the encoder and decoder of each."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from posewire.errors import FrameError, WireError
from posewire.wire.audio import frame_decoder, frame_encoder, negotiate, negotiate_uplink, opus_params
from posewire.wire.messages import AudioParams, parse_hello
from posewire.wire.opus import DURATIONS, RATES
from support.sound import snr

SAMPLES = arrays(np.int16, st.integers(0, 600))


def hello(**fields: Any) -> dict[str, Any]:
    return {"type": "hello", **fields}


@given(SAMPLES)
def test_pcm_is_exact(pcm: NDArray[np.int16]) -> None:
    params = AudioParams("pcm")
    assert np.array_equal(frame_decoder(params).decode(frame_encoder(params).encode(pcm)), pcm)


def test_half_a_pcm_sample_is_refused() -> None:
    with pytest.raises(FrameError, match="even"):
        frame_decoder(AudioParams("pcm")).decode(b"\x00\x01\x02")


def test_a_device_whose_format_nobody_has_learns_why_it_is_refused() -> None:
    params = {"format": "speex", "sample_rate": 16000, "channels": 1, "frame_duration": 60}
    with pytest.raises(WireError) as caught:
        negotiate(parse_hello(hello(audio_params=params)))
    assert caught.value.code == "unsupported_audio"
    assert "speex" in str(caught.value)
    assert "ima-adpcm" in str(caught.value)


def test_a_stock_device_speaks_opus() -> None:
    params = {"format": "opus", "sample_rate": 16000, "channels": 1, "frame_duration": 60}
    assert negotiate(parse_hello(hello(audio_params=params))) == AudioParams("opus", 16000, 1, 60)


def test_opus_falls_back_to_what_opus_has() -> None:
    params = {"format": "opus", "sample_rate": 44100, "channels": 1, "frame_duration": 50}
    assert negotiate(parse_hello(hello(audio_params=params))) == AudioParams("opus", 16000, 1, 60)


def test_the_first_common_codec_wins_at_the_devices_own_rate() -> None:
    params = {"format": "opus", "sample_rate": 24000, "channels": 1, "frame_duration": 20}
    parsed = parse_hello(hello(audio_params=params, features={"codecs": ["speex", "pcm", "ima-adpcm"]}))
    assert negotiate(parsed) == AudioParams("pcm", 24000, 1, 20)


def test_a_page_that_says_nothing_of_audio_gets_what_stock_servers_send(monkeypatch: pytest.MonkeyPatch) -> None:
    assert negotiate(parse_hello(hello(device_id="x"))) == AudioParams("opus", 16000, 1, 60)
    monkeypatch.setattr("posewire.wire.audio.opus_available", lambda: False)
    assert negotiate(parse_hello(hello(device_id="x"))) == AudioParams("pcm", 16000, 1, 60)


def test_stereo_is_refused() -> None:
    with pytest.raises(WireError, match="mono"):
        negotiate(parse_hello(hello(audio_params={"format": "pcm", "channels": 2})))


def test_mulaw_can_be_agreed_on() -> None:
    params = negotiate(parse_hello({"type": "hello", "features": {"codecs": ["mulaw", "pcm"]}}))
    assert params.format == "mulaw"
    sound = (8000 * np.sin(np.arange(960) / 9)).astype(np.int16)
    frame = frame_encoder(params).encode(sound)
    assert len(frame) == 960
    assert snr(sound, frame_decoder(params).decode(frame)) > 35


@given(st.integers(8000, 48000), st.integers(5, 120))
def test_opus_gets_a_rate_and_a_duration_that_it_has(rate: int, duration: int) -> None:
    params = opus_params(AudioParams("opus", rate, 1, duration))
    assert params.sample_rate in RATES
    assert params.frame_duration in DURATIONS
    assert (params.sample_rate == rate) == (rate in RATES)
    assert (params.frame_duration == duration) == (duration in DURATIONS)


@pytest.mark.parametrize("name", ["pcm", "ima-adpcm", "mulaw", "opus"])
def test_streams_of_one_format_do_not_share_anything(name: str) -> None:
    params = AudioParams(name)
    tone = (8000 * np.sin(np.arange(960) / 9)).astype(np.int16)
    alone = frame_encoder(params)
    expected = [alone.encode(tone) for _ in range(3)]
    one, other = frame_encoder(params), frame_encoder(params)
    for frame in expected:
        assert one.encode(tone) == frame
        other.encode(-tone)


def test_a_device_that_sends_what_it_does_not_take() -> None:
    device = parse_hello(
        {
            "type": "hello",
            "audio_params": {"format": "opus", "sample_rate": 16000, "channels": 1, "frame_duration": 60},
            "features": {"codecs": ["ima-adpcm", "pcm"], "uplink": ["new", "ima-adpcm", "opus", "pcm"]},
        }
    )
    downlink = negotiate(device)
    assert downlink == AudioParams("ima-adpcm", 16000, 1, 60)
    assert negotiate_uplink(device, downlink) == downlink
    assert negotiate_uplink(device, downlink, "opus") == AudioParams("opus", 16000, 1, 60)
    assert negotiate_uplink(device, downlink, "mulaw") == downlink


def test_a_device_that_says_nothing_of_its_uplink_sends_what_it_takes() -> None:
    device = parse_hello({"type": "hello", "features": {"codecs": ["pcm"]}, "audio_params": {"frame_duration": 20}})
    downlink = negotiate(device)
    assert negotiate_uplink(device, downlink, "opus") == downlink == AudioParams("pcm", 16000, 1, 20)
