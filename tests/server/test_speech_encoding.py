"""The encoding of speech beside the event loop: a phrase once for all, in any format, and not in too many."""

import asyncio
import threading

import numpy as np
import pytest

from posewire.errors import PosewireError
from posewire.server.speech_encoding import SpeechEncoding
from posewire.sound.pcm import Pcm
from posewire.voice.phrase import Phrase
from posewire.wire.audio import frame_decoder
from posewire.wire.messages import AudioParams


def phrase(seconds: float = 1.0) -> Phrase:
    return Phrase((8000 * np.sin(np.arange(round(16000 * seconds)) / 6)).astype(np.int16))


async def test_a_phrase_is_encoded_once_for_all_who_ask_in_the_same_moment_and_later() -> None:
    encoding, said, params = SpeechEncoding(), phrase(), AudioParams("ima-adpcm", 16000, 1, 60)
    first, *others = await asyncio.gather(*(encoding.encode_phrase(said, params) for _ in range(5)))
    assert len(first) == 17
    assert all(found is first for found in (*others, await encoding.encode_phrase(said, params)))
    heard = np.concatenate([frame_decoder(params).decode(frame) for frame in first])[: len(said.samples)]
    assert np.abs(heard.astype(int) - said.samples).mean() < 200


async def test_who_gives_up_takes_the_phrase_from_nobody() -> None:
    encoding, said, params = SpeechEncoding(), phrase(5), AudioParams("ima-adpcm", 16000, 1, 60)
    given_up = asyncio.create_task(encoding.encode_phrase(said, params))
    other = asyncio.create_task(encoding.encode_phrase(said, params))
    await asyncio.sleep(0)
    given_up.cancel()
    assert len(await other) == 84
    assert given_up.cancelled()


async def test_each_format_has_its_rate_and_length_and_only_the_last_few_are_kept() -> None:
    encoding, said = SpeechEncoding(), phrase()
    for rate in (8000, 16000, 24000, 48000):
        for duration in (20, 60):
            params = AudioParams("pcm", rate, 1, duration)
            frames = await encoding.encode_phrase(said, params)
            assert {len(frame) for frame in frames} == {2 * params.frame_samples}
            assert len(frames) * duration == pytest.approx(1000, abs=duration)
    assert len(said.encoded) == 4


class SlowEncoder:
    """Encodes when it is told to; notes who called it."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.callers: set[int] = set()

    def encode(self, pcm: Pcm) -> bytes:
        self.callers.add(threading.get_ident())
        assert self.go.wait(10)
        return bytes(pcm[:1])


async def test_the_event_loop_goes_on_while_opus_is_encoded() -> None:
    encoder = SlowEncoder()
    frames = [np.full(960, number, np.int16) for number in range(3)]
    encoding = asyncio.create_task(SpeechEncoding().encode(encoder, AudioParams("opus"), frames))
    await asyncio.sleep(0)
    # That this line is reached is the test: the loop was not kept.
    encoder.go.set()
    assert await encoding == [bytes([number, 0]) for number in range(3)]
    assert threading.get_ident() not in encoder.callers


async def test_a_phrase_that_cannot_be_encoded_is_told_to_all() -> None:
    encoding, said, params = SpeechEncoding(), phrase(), AudioParams("opus", 16000, 1, 30)
    found = await asyncio.gather(*(encoding.encode_phrase(said, params) for _ in range(2)), return_exceptions=True)
    assert all(isinstance(error, PosewireError) for error in found)
