"""The Opus encoder's plain twin against libopus, and the firmware's encoder against the twin, on any sound."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from opus_twin import OpusEncoder
from test_fw_numbers import module_constants

from posewire.bench.opus_stream import BoardEncoder
from posewire.boards.folders import firmware_folder
from posewire.sim.interpreter import find_interpreter
from posewire.sound.pcm import Pcm
from posewire.wire.opus import OpusDecoder
from support.programs.libopus import RangeDecoder
from support.recordings import COMMANDS, OTHERS, recording

TOOLS = Path(__file__).parents[3] / "tools"
FRAME = 320
"""Samples of 20 ms."""


@pytest.fixture(scope="module", params=[32, 64])
def board(request: pytest.FixtureRequest) -> Iterator[BoardEncoder]:
    with BoardEncoder(find_interpreter(word_bits=request.param)) as encoder:
        yield encoder


def twin_packets(pcm: Pcm, bitrate: int, frame_ms: int, quiet: int = 0) -> tuple[list[bytes], list[int]]:
    """Packets, and the state of the range coder after each of their last frames."""
    encoder = OpusEncoder(bitrate, frame_ms, quiet)
    size = encoder.count * FRAME
    samples = [int(value) for value in pcm]
    packets = [encoder.packet(samples[start : start + size]) for start in range(0, len(pcm) - size + 1, size)]
    return packets, encoder.ranges[encoder.count - 1 :: encoder.count]


def spoken() -> st.SearchStrategy[Pcm]:
    """A part of a recording, at any level."""

    def part(name: str, at: float, gain: float) -> Pcm:
        pcm = recording(name)
        start = int(at * len(pcm) / 2)
        return np.clip(pcm[start : start + 9 * FRAME] * gain, -32768, 32767).astype(np.int16)

    names = ("goforward", "numbers", "something", *COMMANDS, *OTHERS)
    return st.builds(part, st.sampled_from(names), st.floats(0, 1), st.floats(0.001, 30))


def noise() -> st.SearchStrategy[Pcm]:
    """Noise of any level and colour, from faint to clipped, with pauses."""

    def make(seed: int, level: float, colour: int, pause: int) -> Pcm:
        found = np.random.default_rng(seed).normal(size=9 * FRAME + colour)
        found = np.convolve(found, np.ones(colour + 1), "valid")[: 9 * FRAME] * 2.0**level
        found[: pause * FRAME // 2] = 0
        return np.clip(found, -32768, 32767).astype(np.int16)

    return st.builds(make, st.integers(0, 2**32), st.floats(-2, 20), st.integers(0, 40), st.integers(0, 18))


def tones() -> st.SearchStrategy[Pcm]:
    """Up to three tones, with an offset."""

    def make(parts: list[tuple[float, float]], offset: int) -> Pcm:
        time = np.arange(9 * FRAME) / 16000
        found: NDArray[np.float64] = np.full(9 * FRAME, float(offset))
        for frequency, level in parts:
            found += 2.0**level * np.sin(2 * np.pi * frequency * time)
        return np.clip(found, -32768, 32767).astype(np.int16)

    part = st.tuples(st.floats(20, 7990), st.floats(0, 16))
    return st.builds(make, st.lists(part, min_size=1, max_size=3), st.integers(-32768, 32767))


def samples() -> st.SearchStrategy[Pcm]:
    """Anything: a few values, repeated."""
    value = st.integers(-32768, 32767)
    return st.lists(value, min_size=1, max_size=700).map(lambda found: np.resize(np.array(found, np.int16), 9 * FRAME))


SOUNDS = spoken() | noise() | tones() | samples()
BITRATES = st.integers(6000, 64000) | st.sampled_from([12000, 16000, 24000, 32000])
DURATIONS = st.sampled_from([20, 40, 60])
_WHOLE = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@_WHOLE
@given(SOUNDS, BITRATES, DURATIONS)
def test_libopus_understands_every_frame_as_it_was_meant(pcm: Pcm, bitrate: int, frame_ms: int) -> None:
    decoder = RangeDecoder(16000)
    packets, ranges = twin_packets(pcm, bitrate, frame_ms)
    for packet, value in zip(packets, ranges, strict=True):
        assert len(decoder.decode(packet)) == 16 * frame_ms
        assert decoder.final_range() == value


@_WHOLE
@given(SOUNDS, BITRATES, DURATIONS, st.sampled_from([0, 0, 0, 64, 1024]))
def test_the_board_sends_the_very_same_bytes(
    board: BoardEncoder, pcm: Pcm, bitrate: int, frame_ms: int, quiet: int
) -> None:
    assert board.packets(pcm, bitrate, frame_ms, quiet) == twin_packets(pcm, bitrate, frame_ms, quiet)[0]


def test_a_late_listener_hears_the_same_after_two_packets() -> None:
    pcm = recording("goforward")[: 960 * 20]
    packets, _ = twin_packets(pcm, 24000, 60)
    first, late = OpusDecoder(16000), OpusDecoder(16000)
    for number, packet in enumerate(packets):
        heard = first.decode(packet).astype(float)
        if number >= 6:
            other = late.decode(packet).astype(float)
            if number >= 8:
                assert ((heard - other) ** 2).sum() < (heard**2).sum() / 1000


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_every_rate_of_the_decoder_takes_it(rate: int) -> None:
    pcm = recording("goforward")[: 960 * 5]
    decoder = OpusDecoder(rate)
    for packet in twin_packets(pcm, 24000, 60)[0]:
        assert len(decoder.decode(packet)) == rate * 60 // 1000


@pytest.mark.parametrize("frequency", [200, 500, 1000, 3000, 5000, 7000, 7600])
def test_tones_keep_their_level(frequency: int) -> None:
    tone = (8000 * np.sin(2 * np.pi * frequency * np.arange(16000) / 16000)).astype(np.int16)
    decoder = OpusDecoder(16000)
    heard = np.concatenate([decoder.decode(packet) for packet in twin_packets(tone, 64000, 60)[0]])[4000:12000]
    level = 20 * np.log10(np.sqrt(2 * (heard.astype(float) ** 2).mean()) / 8000)
    assert -0.7 < level < 0.5


def test_an_offset_of_the_microphone_is_taken_away() -> None:
    pcm = np.clip(recording("goforward").astype(int) + 9000, -32768, 32767).astype(np.int16)
    decoder = OpusDecoder(16000)
    heard = np.concatenate([decoder.decode(packet) for packet in twin_packets(pcm, 24000, 60)[0]])
    assert abs(heard[8000:].mean()) < 50


def test_packets_are_left_out_in_silence_and_speech_after_it_is_whole() -> None:
    speech = recording("goforward")[: 960 * 10]
    hush = np.random.default_rng(2).normal(0, 3, 960 * 40).astype(np.int16)
    pcm = np.concatenate((speech, hush, speech))
    decoder, plain = RangeDecoder(16000), OpusDecoder(16000)
    packets, ranges = twin_packets(pcm, 24000, 60, quiet=64)
    lengths = [len(packet) for packet in packets]
    assert sum(length == 2 for length in lengths[10:50]) > 30
    assert lengths[10:50].count(179) >= 5  # a whole one every 0.4 s
    assert set(lengths[:10] + lengths[51:]) == {179}
    heard = []
    for packet, value in zip(packets, ranges, strict=True):
        heard.append(decoder.decode(packet))
        assert len(packet) == 2 or decoder.final_range() == value
    always = [plain.decode(packet) for packet in twin_packets(pcm, 24000, 60)[0]]
    difference = np.concatenate(heard[52:]).astype(float) - np.concatenate(always[52:])
    assert (difference**2).sum() < (np.concatenate(always[52:]).astype(float) ** 2).sum() / 100
    assert np.abs(np.concatenate(heard[14:48])).max() < 40


def test_the_tables_are_those_of_the_twin() -> None:
    tool: dict[str, Any] = {"__name__": "tool", "__file__": str(TOOLS / "make_opus_tables.py")}
    exec((TOOLS / "make_opus_tables.py").read_text("utf-8"), tool)
    data, places = tool["tables"]()
    found: dict[str, bytes] = {}
    exec((firmware_folder() / "posewire_fw/opus_tables.py").read_text("utf-8"), found)
    assert found["TABLES"] == data, "run tools/make_opus_tables.py"
    for module in ("mdct", "range", "bands"):
        source = (firmware_folder() / f"posewire_fw/opus_{module}.py").read_text("utf-8")
        for name, value in module_constants(ast.parse(source)).items():
            if name[1:] in places:
                assert value == places[name[1:]], f"{module}.{name}"
