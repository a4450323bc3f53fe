"""The paced downlink: every sample once, in order, whole frames, a few ahead of real time."""

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from posewire.errors import PosewireError
from posewire.server.connection.voice.downlink import AudioDownlink
from posewire.server.speech_encoding import SpeechEncoding
from posewire.voice.phrase import Phrase
from posewire.wire.audio import frame_decoder
from posewire.wire.messages import AudioParams
from posewire.wire.opus import opus_available


def ramp(samples: int) -> NDArray[np.int16]:
    return (np.arange(samples) % 30000).astype(np.int16)


@pytest.mark.parametrize("chunk", [1, 100, 959, 960, 5000])
async def test_what_is_played_is_what_is_sent(chunk: int) -> None:
    params = AudioParams("pcm", 16000, 1, 20)
    frames: list[bytes] = []
    downlink = AudioDownlink(params, frames.append, SpeechEncoding(), 5)
    sound = ramp(1500)
    for start in range(0, len(sound), chunk):
        await downlink.play(sound[start : start + chunk])
    await downlink.finish()
    decoder = frame_decoder(params)
    heard = np.concatenate([decoder.decode(frame) for frame in frames])
    assert len(heard) % 320 == 0
    assert np.array_equal(heard[: len(sound)], sound)
    assert not heard[len(sound) :].any()


@pytest.mark.parametrize("burst", [1, 5])
async def test_frames_leave_at_the_pace_they_are_heard_after_a_burst(burst: int) -> None:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    params = AudioParams("pcm", 16000, 1, 20)
    downlink = AudioDownlink(params, lambda frame: times.append(loop.time()), SpeechEncoding(), burst)
    started = loop.time()
    await downlink.play(ramp(320 * 25))
    await downlink.finish()
    assert len(times) == 25
    # Never more than the burst before their time; lateness is the machine's business.
    for number, at in enumerate(times):
        assert at - started >= (number - burst + 1) * 0.02 - 0.001
    # The device is told that the reply is over when it has heard all of it.
    assert loop.time() - started >= 25 * 0.02 - 0.001


async def test_cancel_drops_what_is_queued_and_the_next_reply_plays() -> None:
    frames: list[bytes] = []
    downlink = AudioDownlink(AudioParams("pcm", 16000, 1, 60), frames.append, SpeechEncoding(), 5)
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
    downlink = AudioDownlink(AudioParams("pcm", 24000, 1, 60), frames.append, SpeechEncoding(), 5)
    await downlink.play(ramp(16000))
    await downlink.finish()
    assert 24000 <= sum(map(len, frames)) // 2 <= 24000 + 1440


async def test_a_phrase_begins_with_a_frame_of_its_own_and_nothing_is_lost_around_it() -> None:
    frames: list[bytes] = []
    downlink = AudioDownlink(AudioParams("pcm", 16000, 1, 20), frames.append, SpeechEncoding(), 5)
    before, said, after = ramp(500), Phrase(ramp(700) + np.int16(1)), ramp(330)
    for sound in (before, said, said, after):
        await downlink.play(sound)
    await downlink.finish()

    def padded(samples: NDArray[np.int16]) -> NDArray[np.int16]:
        return np.pad(samples, (0, -len(samples) % 320))

    expected = [padded(samples) for samples in (before, said.samples, said.samples, after)]
    assert b"".join(frames) == np.concatenate(expected).tobytes()


@pytest.mark.skipif(not opus_available(), reason="needs libopus")
async def test_opus_of_phrases_and_of_pieces_between_them_is_decoded_as_it_was_said() -> None:
    params = AudioParams("opus", 16000, 1, 60)
    encoding = SpeechEncoding()
    steps = np.arange(16000)
    phrase, piece = ((8000 * np.sin(2 * np.pi * pitch / 16000 * steps)).astype(np.int16) for pitch in (440, 880))
    said = Phrase(phrase)
    heard: list[NDArray[np.int16]] = []
    for _ in range(2):
        # A device's decoder goes on through all of its replies.
        decoder = frame_decoder(params)
        downlink = AudioDownlink(params, lambda frame, to=decoder: heard.append(to.decode(frame)), encoding, 5)  # type: ignore[misc]
        for sound in (piece[:700], piece[700:], said, piece, said):
            await downlink.play(sound)
        await downlink.finish()
    assert len(heard) == 2 * 4 * 17
    for number in range(8):
        second = np.concatenate(heard[17 * number + 2 : 17 * number + 15]).astype(np.float64)
        spectrum = np.abs(np.fft.rfft(second * np.hanning(len(second))))
        pitch = np.argmax(spectrum) * 16000 / len(second)
        assert pitch == pytest.approx(880 if number % 2 == 0 else 440, abs=2)
        assert np.sqrt(np.mean(second**2)) == pytest.approx(8000 / np.sqrt(2), rel=0.15)


async def test_a_format_that_cannot_be_encoded_is_told_and_nobody_waits_for_ever() -> None:
    downlink = AudioDownlink(AudioParams("opus", 16000, 1, 30), lambda frame: None, SpeechEncoding(), 5)
    async with asyncio.timeout(10):
        with pytest.raises(PosewireError):
            await downlink.play(ramp(16000 * 10))
        downlink.cancel()
        with pytest.raises(PosewireError):
            await downlink.play(Phrase(ramp(16000)))
        downlink.cancel()
        await downlink.play(ramp(100))
        with pytest.raises(PosewireError):
            await downlink.finish()
