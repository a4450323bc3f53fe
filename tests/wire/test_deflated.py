"""Compressed text messages."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import WireError
from posewire.wire.deflated import deflate, inflate


@given(st.text(max_size=50), st.integers(1, 400))
def test_what_is_packed_is_unpacked(part: str, times: int) -> None:
    text = part * times
    packed = deflate(text)
    if packed is not None:
        assert len(packed) < len(text.encode())
        assert inflate(packed, len(text.encode())) == text.encode()
    else:
        assert len(text.encode()) <= 1024 or len(set(text)) > 1


def test_short_texts_stay_as_they_are() -> None:
    assert deflate("x" * 1024) is None
    assert deflate("x" * 1025) is not None


@given(st.binary(max_size=200))
def test_damage_is_an_error_of_its_sender(data: bytes) -> None:
    try:
        inflate(data, 1000)
    except WireError:
        return
    assert zlib.decompress(data, -15) is not None


def test_a_bomb_is_not_unpacked() -> None:
    packed = deflate("x" * 1_000_000)
    assert packed is not None
    assert len(packed) < 2000
    with pytest.raises(WireError, match="more than 65536"):
        inflate(packed, 65536)
    for wrong in (packed[:-3], packed + b"x"):
        with pytest.raises(WireError):
            inflate(wrong, 2_000_000)
