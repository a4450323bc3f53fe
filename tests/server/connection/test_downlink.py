"""The paced downlink: every sample once, in order, whole frames, a few ahead of real time."""

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from posewire.server.connection.downlink import AHEAD, AudioDownlink
from posewire.server.connection.speech_encoding import SpeechEncoding
from posewire.wire.audio import frame_decoder
from posewire.wire.messages import AudioParams


def ramp(samples: int) -> NDArray[np.int16]:
    return (np.arange(samples) % 30000).astype(np.int16)


@pytest.mark.parametrize("chunk", [1, 100, 959, 960, 5000])
async def test_what_is_played_is_what_is_sent(chunk: int) -> None:
    params = AudioParams("pcm", 16000, 1, 20)
    frames: list[bytes] = []
    downlink = AudioDownlink(params, frames.append, SpeechEncoding())
    sound = ramp(1500)
    for start in range(0, len(sound), chunk):
        await downlink.play(sound[start : start + chunk])
    await downlink.finish()
    decoder = frame_decoder(params)
    heard = np.concatenate([decoder.decode(frame) for frame in frames])
    assert len(heard) % 320 == 0
    assert np.array_equal(heard[: len(sound)], sound)
    assert not heard[len(sound) :].any()


async def test_frames_leave_at_the_pace_they_are_heard() -> None:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    downlink = AudioDownlink(
        AudioParams("pcm", 16000, 1, 20), lambda frame: times.append(loop.time()), SpeechEncoding()
    )
    started = loop.time()
    await downlink.play(ramp(320 * 25))
    await downlink.finish()
    assert len(times) == 25
    # Never more than AHEAD frames before their time; lateness is the machine's business.
    for number, at in enumerate(times):
        assert at - started >= (number - AHEAD) * 0.02 - 0.001


async def test_cancel_drops_what_is_queued_and_the_next_reply_plays() -> None:
    frames: list[bytes] = []
    downlink = AudioDownlink(AudioParams("pcm", 16000, 1, 60), frames.append, SpeechEncoding())
    await downlink.play(ramp(960 * 30))
    while not frames:
        await asyncio.sleep(0)
    downlink.cancel()
    sent = len(frames)
    assert sent < 30
    # Of the cancelled reply nothing comes any more: neither before the next one nor along with it.
    following = np.full(960 * 3, 7, np.int16)
    await downlink.play(following)
    await downlink.finish()
    assert b"".join(frames[sent:]) == following.tobytes()


async def test_another_rate_is_resampled() -> None:
    frames: list[bytes] = []
    downlink = AudioDownlink(AudioParams("pcm", 24000, 1, 60), frames.append, SpeechEncoding())
    await downlink.play(ramp(16000))
    await downlink.finish()
    assert 24000 <= sum(map(len, frames)) // 2 <= 24000 + 1440
