"""Binary frames: what is built is parsed back, what is cut or padded is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import FrameError
from posewire.wire.frames import Frame, FrameType, build_frame, parse_frame

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "frames.json").read_text())


@given(
    kind=st.sampled_from(FrameType),
    payload=st.binary(max_size=2000),
    protocol=st.sampled_from((2, 3)),
    member_id=st.integers(0, 255),
)
def test_a_frame_survives_the_way(kind: FrameType, payload: bytes, protocol: int, member_id: int) -> None:
    frame = parse_frame(build_frame(kind, payload, protocol, member_id), protocol)
    assert (frame.type, frame.payload, frame.member_id) == (kind, payload, member_id)


def test_protocol_1_is_bare_audio() -> None:
    assert build_frame(FrameType.AUDIO, b"\x01\x02", 1) == b"\x01\x02"
    assert parse_frame(b"\x01\x02", 1) == Frame(FrameType.AUDIO, b"\x01\x02")
    with pytest.raises(FrameError):
        build_frame(FrameType.POSE, b"x", 1)


def test_the_bytes_that_stock_devices_send() -> None:
    assert parse_frame(bytes.fromhex("00020000000000000000003c00000002abcd"), 2) == Frame(0, b"\xab\xcd", 0, 60)
    assert parse_frame(bytes.fromhex("00000002abcd"), 3) == Frame(0, b"\xab\xcd")


@given(message=st.binary(max_size=40), protocol=st.sampled_from((1, 2, 3)))
def test_any_bytes_parse_or_are_refused(message: bytes, protocol: int) -> None:
    try:
        frame = parse_frame(message, protocol)
    except FrameError:
        assert protocol != 1
    else:
        assert message.endswith(frame.payload)


@given(payload=st.binary(max_size=100), protocol=st.sampled_from((2, 3)), extra=st.binary(min_size=1, max_size=5))
def test_a_wrong_size_is_refused(payload: bytes, protocol: int, extra: bytes) -> None:
    message = build_frame(FrameType.AUDIO, payload, protocol)
    for wrong in (message + extra, message[:-1]):
        with pytest.raises(FrameError):
            parse_frame(wrong, protocol)


def test_a_protocol_3_payload_has_a_limit() -> None:
    with pytest.raises(FrameError):
        build_frame(FrameType.AUDIO, bytes(65536), 3)


@pytest.mark.parametrize("vector", VECTORS["good"])
def test_shared_vectors(vector: dict[str, Any]) -> None:
    message = bytes.fromhex(vector["message"])
    frame = parse_frame(message, vector["protocol"])
    assert (frame.type, frame.member_id, frame.payload.hex()) == (
        vector["type"],
        vector["member_id"],
        vector["payload"],
    )
    assert build_frame(frame.type, frame.payload, vector["protocol"], frame.member_id, frame.timestamp_ms) == message


@pytest.mark.parametrize("vector", VECTORS["bad"])
def test_shared_vectors_to_refuse(vector: dict[str, Any]) -> None:
    with pytest.raises(FrameError):
        parse_frame(bytes.fromhex(vector["message"]), vector["protocol"])
