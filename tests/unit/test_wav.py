"""WAV files in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.wav import read_wav


@given(st.binary(max_size=200))
def test_garbage_is_no_wav(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_wav(b"RIFF" + data)
