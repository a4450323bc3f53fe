"""Samples cut into frames, however they come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.sound.pcm import Framer, to_int16


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 17))
def test_frames_are_the_stream_however_it_is_cut(sizes: list[int], size: int) -> None:
    stream = np.arange(sum(sizes), dtype=np.int16)
    framer, frames, start = Framer(size), [], 0
    for count in sizes:
        frames += framer.push(stream[start : start + count])
        start += count
    whole = len(stream) // size
    assert len(frames) == whole
    frames += framer.flush()
    assert len(frames) == -(-len(stream) // size)
    assert all(len(frame) == size for frame in frames)
    joined = np.concatenate([*frames, np.empty(0, np.int16)])
    assert np.array_equal(joined[: len(stream)], stream)
    assert not joined[len(stream) :].any()
    assert framer.flush() == []


def test_a_framer_that_is_cleared_begins_another_stream() -> None:
    framer = Framer(4)
    framer.push(np.ones(3, np.int16))
    framer.clear()
    (frame,) = framer.push(np.full(4, 2, np.int16))
    assert frame.tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize(("value", "sample"), [(0.4, 0), (0.6, 1), (-40_000.0, -32768), (32_767.6, 32767)])
def test_values_are_rounded_and_clipped(value: float, sample: int) -> None:
    assert to_int16(np.array([value])).tolist() == [sample]
