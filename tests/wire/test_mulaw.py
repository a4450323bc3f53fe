"""Mu-law: every code is its own, and no sample is off by more than its step."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from posewire.wire.mulaw import mulaw_decode, mulaw_encode


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
