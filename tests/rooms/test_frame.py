"""A frame of a room: the header that its links put before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.rooms.frame import RoomFrame
from posewire.wire.frames import FrameType, parse_frame
from posewire.wire.room_actions import RoomKind


@given(st.sampled_from(["pose", "audio"]), st.binary(max_size=100), st.integers(1, 255), st.sampled_from([2, 3]))
def test_header_and_payload_are_a_frame_of_the_wire(kind: RoomKind, payload: bytes, sender: int, protocol: int) -> None:
    frame = parse_frame(RoomFrame(kind, payload, sender).header(protocol) + payload, protocol)
    assert (frame.type, frame.payload, frame.member_id) == (FrameType[kind.upper()], payload, sender)


def test_nothing_is_ready_before_the_first_link_has_sent_it() -> None:
    frame = RoomFrame("audio", b"x", 1)
    assert (frame.framed_2, frame.framed_3) == (b"", b"")
    with pytest.raises(AttributeError):
        frame.other = 1  # type: ignore[attr-defined]
