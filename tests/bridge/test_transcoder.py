"""Upstream's packets as a board's frames: its format, its length, and nothing of a reply that is over."""

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from posewire.server.bridge.transcoder import Downlink
from posewire.server.speech_encoding import SpeechEncoding
from posewire.wire.audio import frame_decoder
from posewire.wire.messages import AudioParams
from posewire.wire.opus import OpusDecoder, OpusEncoder, packet_duration


def packets(duration: int, rate: int = 24000, seconds: float = 1.2) -> list[bytes]:
    """A tone of 440 Hz as an upstream server sends it."""
    tone = (9000 * np.sin(2 * np.pi * 440 / rate * np.arange(round(rate * seconds)))).astype(np.int16)
    encoder, size = OpusEncoder(rate), rate * duration // 1000
    return [encoder.encode(tone[at : at + size]) for at in range(0, len(tone), size)]


async def frames_of(downlink: Downlink, given: list[bytes]) -> list[bytes]:
    return [frame for packet in given for frame in await downlink.feed(packet)] + await downlink.flush()


def sound(frames: list[bytes], params: AudioParams) -> NDArray[np.int16]:
    decoder = frame_decoder(params)
    decoded = [decoder.decode(frame) for frame in frames]
    assert {len(part) for part in decoded} == {params.frame_samples}
    return np.concatenate(decoded)


@pytest.mark.parametrize("theirs", [20, 60])
@pytest.mark.parametrize("ours", [20, 40, 60])
async def test_a_board_gets_packets_of_the_length_that_it_asked_for(theirs: int, ours: int) -> None:
    params, given = AudioParams("opus", 16000, 1, ours), packets(theirs)
    downlink = Downlink(params, SpeechEncoding())
    for _ in range(2):
        found = await frames_of(downlink, given)
        assert (found == given) == (ours == theirs)
        heard = sound(found, params)
        assert len(heard) == pytest.approx(1.2 * 16000, abs=params.frame_samples)
        spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
        assert np.argmax(spectrum) * 16000 / len(heard) == pytest.approx(440, abs=3)


async def test_of_a_reply_that_has_been_ended_meanwhile_nothing_comes() -> None:
    downlink = Downlink(AudioParams("opus", 16000, 1, 20), SpeechEncoding())
    given = packets(60)
    feeding = asyncio.create_task(downlink.feed(given[0]))
    await asyncio.sleep(0)
    downlink.reset()
    assert await feeding == []
    assert len(await downlink.feed(given[1])) == 3


@pytest.mark.parametrize("duration", [5, 10, 20, 40, 60])
@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_the_duration_of_a_packet_is_that_of_its_sound(duration: int, rate: int) -> None:
    for packet in packets(duration, rate, 0.24):
        assert packet_duration(packet) == duration == len(OpusDecoder(rate).decode(packet)) * 1000 / rate


@pytest.mark.parametrize(
    ("packet", "duration"),
    [(b"", 0), (b"\x03", 0), (b"\x0b\x03abc", 60), (b"\x09ab", 40), (b"\x6b\x02ab", 40), (b"\x82ab", 5)],
)
def test_the_duration_of_a_packet_of_several_frames(packet: bytes, duration: float) -> None:
    assert packet_duration(packet) == duration
