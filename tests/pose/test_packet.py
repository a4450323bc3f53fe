"""Packets as bytes: headers, checks, varints, masks, descriptors, blocks, control packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import PoseError
from posewire.wire.pose import packet
from posewire.wire.pose.packet import Block, Control, Header, Kind
from posewire.wire.pose.sets import LandmarkSet, custom_set, landmark_set

SEQUENCES = st.integers(0, 0xFFFF)


@given(
    kind=st.sampled_from(sorted(set(Kind) - {Kind.CONTROL})),
    layer=st.integers(0, 3),
    stream=st.integers(0, 255),
    sequence=SEQUENCES,
    time=st.integers(0, 0xFFFFFFFF),
    distance=st.integers(0, packet.MAX_DISTANCE),
    check=st.integers(0, 0xFFFFFFFF),
)
def test_a_header_comes_back_with_what_its_kind_carries(
    kind: Kind, layer: int, stream: int, sequence: int, time: int, distance: int, check: int
) -> None:
    sealed, _ = packet.seal(Header(kind, layer, stream, sequence, time, distance, check).pack())
    got = packet.parse_header(sealed)
    assert got is not None
    assert got[:4] == (kind, layer, stream, sequence)
    short = kind in (Kind.DELTA, Kind.REPEAT)
    assert got.time == (time & 0xFFFF if short else time)
    assert got.distance == (distance if short or kind is Kind.RESTART else 0)
    assert got.reference_check == (check if kind in (Kind.SNAPSHOT, Kind.RESTART) else 0)
    assert got.size == len(sealed) - packet.CHECK_BYTES


def test_other_versions_and_kinds_have_no_header_here() -> None:
    sealed, _ = packet.seal(Header(Kind.KEY, 0, 1, 2, 3).pack())
    other_version = bytes([sealed[0] & 0x1F | 2 << 5]) + sealed[1:]
    assert packet.parse_header(other_version) is None
    assert packet.parse_header(bytes([packet.VERSION << 5 | 6 << 2]) + sealed[1:]) is None


@pytest.mark.parametrize("size", [0, 3, packet.MAX_PACKET + 1])
def test_a_packet_of_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(PoseError, match=f"not {size}"):
        packet.parse_header(bytes([packet.VERSION << 5]) * size)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_packet_that_ends_within_its_header_is_refused(kind: Kind) -> None:
    whole = packet.seal(Header(kind, 0, 1, 2).pack())[0]
    for size in range(4, len(whole)):
        with pytest.raises(PoseError, match="within its header"):
            packet.parse_header(whole[:size])


@given(body=st.binary(min_size=1, max_size=40), seed=st.integers(0, 0xFFFFFFFF), bit=st.integers(0, 7), data=st.data())
def test_the_check_notices_a_bit_and_another_reference(body: bytes, seed: int, bit: int, data: st.DataObject) -> None:
    sealed, check = packet.seal(body, seed)
    assert packet.verify(sealed, seed) == check
    at = data.draw(st.integers(0, len(sealed) - 1))
    damaged = bytearray(sealed)
    damaged[at] ^= 1 << bit
    for wrong, wrong_seed in ((bytes(damaged), seed), (sealed, seed ^ 1)):
        with pytest.raises(PoseError, match="does not hold"):
            packet.verify(wrong, wrong_seed)


@given(value=st.integers(0, (1 << 21) - 1), before=st.binary(max_size=3), after=st.binary(max_size=3))
def test_a_varint_comes_back(value: int, before: bytes, after: bytes) -> None:
    coded = packet.put_varint(value)
    data = before + coded + after
    assert packet.get_varint(data, len(before), len(data)) == (value, len(before) + len(coded))
    assert len(coded) == (1 if value < 128 else 2 if value < 1 << 14 else 3)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x80", b"\x80\x80\x80\x01"])
def test_a_varint_that_does_not_end_is_refused(data: bytes) -> None:
    with pytest.raises(PoseError, match="does not end"):
        packet.get_varint(data, 0, len(data))


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_mask_comes_back(flags: list[bool]) -> None:
    data = packet.put_mask(flags)
    assert packet.get_mask(len(flags), data, 0, len(data)) == (flags, (len(flags) + 7) // 8)
    with pytest.raises(PoseError, match="cut"):
        packet.get_mask(len(flags), data, 0, len(data) - 1)


@pytest.mark.parametrize(
    "spec",
    [
        landmark_set("body33"),
        landmark_set("coco17", (8, 8)),
        landmark_set("quat55"),
        custom_set(4, (3, -2), (-1, 0, 1, 1)),
        custom_set(200, (1,)),
    ],
    ids=lambda spec: f"{spec.name}-{spec.landmarks}",
)
def test_a_descriptor_comes_back_and_no_part_of_it_does(spec: LandmarkSet) -> None:
    data = packet.put_descriptor(spec)
    assert packet.get_descriptor(spec.id, data, 0, len(data)) == (spec, len(data))
    for size in range(len(data)):
        with pytest.raises(PoseError):
            packet.get_descriptor(spec.id, data, 0, size)


def test_a_descriptor_with_a_parent_that_cannot_be_is_refused() -> None:
    good = custom_set(2, (3,), (-1, 0))
    data = bytearray(packet.put_descriptor(good))
    data[-1] = 3  # the parent of the second landmark would come before the first
    with pytest.raises(PoseError, match="before the first landmark"):
        packet.get_descriptor(good.id, bytes(data), 0, len(data))


def test_gains_are_one_code_below_48_a_coded_channel() -> None:
    quaternions = landmark_set("quat2")
    assert packet.get_gains(quaternions, b"\x00\x20\x2f\x09", 0, 4) == ((0, 32, 47), 3)
    for data in (b"\x00\x20", b"\x00\x20\x30"):
        with pytest.raises(PoseError, match="gains"):
            packet.get_gains(quaternions, data, 0, len(data))


HEAD = Header(Kind.KEY, 0, 0, 0, 0).pack()


def blocks_of(body: bytes) -> list[Block]:
    whole = packet.seal(HEAD + body)[0]
    header = packet.parse_header(whole)
    assert header is not None
    return packet.blocks(whole, header)


def test_blocks_are_found_in_their_order() -> None:
    long = bytes(200)
    found = blocks_of(b"\x01\x03\x02ab" + b"\x05\x07" + packet.put_varint(len(long)) + long)
    start = len(HEAD)
    assert found == [Block(1, 3, start + 3, start + 5), Block(5, 7, start + 9, start + 209)]
    assert blocks_of(b"") == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\x01", "a block is cut"),
        (b"\x01\x03", "does not end"),
        (b"\x01\x03\x03ab", "a block is cut"),
        (b"\x01\x03\x01a\x01\x03\x01a", "twice"),
    ],
)
def test_blocks_that_cannot_be_are_refused(body: bytes, message: str) -> None:
    with pytest.raises(PoseError, match=message):
        blocks_of(body)


@given(kind=st.sampled_from(list(Control)), stream=st.integers(0, 255), sequence=SEQUENCES, argument=SEQUENCES)
def test_a_control_packet_comes_back(kind: Control, stream: int, sequence: int, argument: int) -> None:
    got = packet.parse_control(packet.control(kind, stream, sequence, argument))
    assert got is not None
    assert (got.control, got.stream, got.sequence) == (kind, stream, sequence)
    assert got.argument == (argument if kind is Control.RATE else 0)


def test_controls_that_cannot_be_are_refused_and_unknown_ones_ignored() -> None:
    head = Header(Kind.CONTROL, 0, 1, 2).pack()
    assert packet.parse_control(packet.seal(head + b"\x09")[0]) is None
    assert packet.parse_control(packet.seal(Header(Kind.KEY, 0, 1, 2).pack())[0]) is None
    with pytest.raises(PoseError, match="wrong length"):
        packet.parse_control(packet.seal(head + b"\x03\x00")[0])
    with pytest.raises(PoseError, match="check"):
        packet.parse_control(packet.control(Control.ACK, 1, 2)[:-1] + b"\x00")
