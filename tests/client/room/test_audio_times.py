"""Audio with times: a receiver knows which sound belongs to which pose."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import posewire
from posewire.client.room.audio_lag import AudioLags
from posewire.client.room.frames import ReceivedFrame
from posewire.errors import ConfigError
from posewire.server.host import Host
from posewire.wire.audio import frame_decoder
from posewire.wire.messages import AudioParams

FORMAT = AudioParams("pcm")


@pytest.mark.parametrize("rate", [16000, 48000, 44100])
@pytest.mark.parametrize("chunk_ms", [10, 37, 500])
async def test_a_clap_is_seen_and_heard_at_the_same_time(host: Host, rate: int, chunk_ms: int) -> None:
    began, clap_at = 4_294_967_000.0, 4_294_967_000.0 + 700  # the clock of 32 bits runs over meanwhile
    sound = np.zeros(rate * 3 // 2, np.float32)
    sound[int(0.7 * rate)] = 1.0
    async with (
        posewire.connect(host.url, device="camera", audio=FORMAT) as sending,
        posewire.connect(host.url, audio=FORMAT) as receiving,
    ):
        heard: list[ReceivedFrame] = []
        watching = await receiving.join("studio", subscribe=["pose", "audio"])
        watching.on("audio", heard.append)
        poses = watching.poses()
        room = await sending.join("studio", publish=["pose", "audio"], subscribe=[])
        sender = room.media_sender(fps=1000)
        step = rate * chunk_ms // 1000
        for start in range(0, len(sound), step):
            part = sound[start : start + step]
            assert sender.send(sound=part, rate=rate, time_ms=began + 1000 * start / rate)
        sender.audio.flush()
        assert sender.send(body=np.full((33, 4), 0.5), time_ms=clap_at)
        pose = await anext(poses)
        async with asyncio.timeout(20):
            while sum(len(frame.payload) for frame in heard) < 2 * 16000 * 1.4:
                await asyncio.sleep(0.01)
    decoder = frame_decoder(FORMAT)
    loudest, at = 0, 0.0
    for frame in heard:
        assert frame.time_ms is not None
        samples = np.abs(decoder.decode(frame.payload).astype(int))
        if samples.max() > loudest:
            loudest, at = int(samples.max()), frame.time_ms + samples.argmax() / 16
    offset = (at - pose.pose.time_ms + (1 << 31)) % (1 << 32) - (1 << 31)
    assert abs(offset) < 10


async def test_a_receiver_is_told_how_far_the_sound_is_behind(host: Host) -> None:
    async with posewire.connect(host.url, device="camera") as sending, posewire.connect(host.url) as receiving:
        watching = await receiving.join("studio", subscribe=["pose", "audio"])
        room = await sending.join("studio", publish=["pose", "audio"], subscribe=[])
        sender = room.media_sender(fps=1000)
        assert watching.audio_lag_ms("camera") is None
        while watching.audio_lag_ms("camera") is None:
            sender.send(body=np.full((33, 4), 0.5), sound=np.zeros(960, np.int16), rate=16000)
            await asyncio.sleep(0.06)
        lag = watching.audio_lag_ms("camera")
        assert lag is not None
        assert 40 < lag < 1000  # a frame leaves when its 60 ms are over
        assert watching.audio_lag_ms("nobody") is None


async def test_nothing_of_a_pose_is_sent_with_sound_that_is_none(host: Host) -> None:
    async with posewire.connect(host.url) as connection:
        room = await connection.join("studio", publish=["pose", "audio"], subscribe=[])
        sender = room.media_sender()
        with pytest.raises(ConfigError, match="int16 or float"):
            sender.send(body=np.full((33, 4), 0.5), sound=np.zeros(10, np.int64))
        assert sender.pose.statistics()["accepted"] == 0


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(-500, 500), st.integers(1, 40))
def test_the_lag_is_the_difference_whatever_the_clocks_say(clock: int, ahead: int, lag: int, count: int) -> None:
    lags = AudioLags()
    for step in range(count):
        at = (clock + 33 * step) % 2**32
        lags.saw(3, at, (ahead + 33 * step + 1000) / 1000)
        lags.heard(3, at, (ahead + 33 * step + 1000 + lag) / 1000)
    found = lags.lag_ms(3)
    assert found is not None
    assert abs(found - lag) <= 1
    lags.forget(3)
    assert lags.lag_ms(3) is None
