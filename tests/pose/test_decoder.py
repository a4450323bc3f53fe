"""The subscriber's side: what is refused, what that leaves behind, and when a key is wanted."""

import numpy as np
import pytest

from posewire.errors import PoseError
from posewire.wire.pose import packet as wire
from posewire.wire.pose.decoder import RESTART_WINDOW, PoseDecoder
from posewire.wire.pose.encoder import PoseEncoder
from posewire.wire.pose.packet import Control, Header, Kind, control, parse_control, put_varint, seal
from posewire.wire.pose.sets import landmark_set

SPEC = landmark_set("coco17")


def moved(by: int) -> np.ndarray:
    return np.full((17, 3), 0.25 + 0.01 * by, np.float32)


def stream(count: int, **options: int) -> list[bytes]:
    encoder = PoseEncoder("coco17", **options)  # type: ignore[arg-type]
    return [encoder.encode(moved(number), 33 * number) for number in range(count)]


def test_the_newest_frame_is_kept_with_its_age() -> None:
    decoder = PoseDecoder()
    assert decoder.age_ms(5) is None
    for number, packet in enumerate(stream(3)):
        decoder.decode(packet, now_ms=1000 + number)
    assert decoder.last is not None
    assert (decoder.last.sequence, decoder.last.time_ms) == (2, 66)
    assert decoder.age_ms(1012) == 10


def test_packets_of_other_streams_and_controls_carry_no_frame() -> None:
    decoder = PoseDecoder(stream=3)
    assert decoder.decode(stream(1)[0]) is None
    assert decoder.decode(control(Control.ACK, 3, 0)) is None
    assert decoder.decode(stream(1, stream=3)[0]) is not None


def test_a_delta_without_its_reference_asks_for_a_key_and_the_key_ends_that() -> None:
    key, delta, _ = stream(3)
    decoder = PoseDecoder()
    with pytest.raises(PoseError, match="not held"):
        decoder.decode(delta)
    assert decoder.needs_key
    request = parse_control(decoder.key_request())
    assert request is not None
    assert request.control is Control.KEY_REQUEST
    assert decoder.decode(key) is not None
    assert not decoder.needs_key


def test_damage_leaves_no_trace() -> None:
    packets = stream(3)
    decoder = PoseDecoder()
    decoder.decode(packets[0])
    for at in range(4, len(packets[1])):
        damaged = bytearray(packets[1])
        damaged[at] ^= 0x10
        with pytest.raises(PoseError):
            decoder.decode(bytes(damaged))
    frame = decoder.decode(packets[1])
    assert frame is not None
    assert np.abs(frame.values["coco17"] - moved(1)).max() < 0.02


def test_a_stream_that_begins_again_far_back_is_let_in_and_a_late_key_is_not() -> None:
    decoder = PoseDecoder()
    decoder.decode(stream(1, sequence=1000)[0])
    with pytest.raises(PoseError, match="old"):
        decoder.decode(stream(1, sequence=1000 - RESTART_WINDOW + 1)[0])
    assert decoder.decode(stream(1, sequence=1000 - RESTART_WINDOW)[0]) is not None


def test_the_newest_reference_is_acknowledged() -> None:
    decoder = PoseDecoder()
    assert decoder.ack() is None
    for packet in stream(2):
        decoder.decode(packet)
    answer = parse_control(decoder.ack() or b"")
    assert answer is not None
    assert (answer.control, answer.sequence) == (Control.ACK, 1)


def body_of(packet: bytes) -> tuple[int, bytes]:
    """Flags and body of the only set of a key packet."""
    header = wire.parse_header(packet)
    assert header is not None
    (block,) = wire.blocks(packet, header)
    return block.flags, packet[block.start : block.end]


def packed(header: Header, flags: int, body: bytes, seed: int = 0) -> bytes:
    return seal(header.pack() + bytes((SPEC.id, flags)) + put_varint(len(body)) + body, seed)[0]


def test_packets_that_no_encoder_writes_are_refused() -> None:
    key, delta = stream(2)
    flags, body = body_of(key)
    decoder = PoseDecoder()
    header = Header(Kind.KEY, 0, 0, 9, 0)
    for wrong, message in (
        (packed(header, flags & ~wire.MODE_INTRA, body), "another frame"),
        (packed(header, flags | wire.HAS_REFRESH, body), "refresh"),
        (packed(header, flags, body[:-1]), "does not end where it must"),
        (packed(header, flags, body[:2]), "descriptor"),
    ):
        with pytest.raises(PoseError, match=message):
            decoder.decode(wrong)
    assert decoder.last is None
    decoder.decode(key)
    check = wire.verify(key)
    repeat = Header(Kind.REPEAT, 1, 0, 1, 33, 1).pack()
    with pytest.raises(PoseError, match="must not have blocks"):
        decoder.decode(seal(repeat + b"\x01\x03\x00", check)[0])
    stranger = Header(Kind.DELTA, 0, 0, 1, 33, 1).pack() + bytes((landmark_set("hand21").id, 0, 0))
    with pytest.raises(PoseError, match="not in the reference"):
        decoder.decode(seal(stranger, check)[0])
    assert decoder.decode(delta) is not None


def test_tables_are_kept_until_another_set_has_the_number() -> None:
    decoder = PoseDecoder()
    first = decoder.coder(SPEC)
    assert decoder.coder(landmark_set("coco17")) is first
    assert decoder.coder(landmark_set("coco17", (8, 8))) is not first
