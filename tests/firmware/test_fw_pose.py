"""Pose packets: the shared vectors, byte for byte, and the stream's rules."""

import binascii
import struct

from posewire_fw.frames import HEADER
from posewire_fw.link import FRAME_MAX
from posewire_fw.pose import DELTA, KEY, PACKET_MAX, SETS, VALUES_MAX, PoseStream, crc16, quantise
from support import vectors


def feed(stream, packet):
    """Put one sample of the vectors into a stream."""
    raw = binascii.unhexlify(packet["floats"])
    padded = bytearray(4) + raw
    quantise(padded, 4, stream.values, stream.landmarks, stream.channels, stream.bits)
    stream.time[:] = packet["time_ms"].to_bytes(4, "big")
    stream.publish()


def test_packets_are_those_of_the_vectors():
    for case in vectors("pose_packets.json")["streams"]:
        stream = PoseStream(case["set"], case["landmarks"], len(case["bits"]), bytes(case["bits"]))
        stream._sequence = case["packets"][0]["sequence"]
        buf = bytearray(3000)
        for packet in case["packets"]:
            feed(stream, packet)
            assert binascii.hexlify(stream.values).decode() == packet["integers"]
            if packet["kind"] == KEY:
                stream.key_wanted()
            count = stream.fill(buf, 12)
            assert binascii.hexlify(buf[12 : 12 + count]).decode() == packet["packet"], case["name"]


def test_the_sets_are_those_of_the_vectors():
    for case in vectors("pose_packets.json")["streams"]:
        if case["set"]:
            assert SETS[case["set"]] == (case["landmarks"], len(case["bits"]), bytes(case["bits"]))


def sample(stream, value):
    stream.values[:] = struct.pack("<6h", *[value] * 6)
    stream.publish()


def test_only_the_newest_sample_goes_out_and_the_rest_is_counted():
    stream = PoseStream(8, *SETS[8])
    buf = bytearray(64)
    assert stream.fill(buf, 0) == 0
    for value in (9, 8, 7):  # before anybody receives
        sample(stream, value)
    stream.fill(buf, 0)
    for value in (8, 9, 10):
        sample(stream, value)
    count = stream.fill(buf, 0)
    assert buf[8 : count - 2] == bytes([6] * 6)  # zigzag of 3
    assert stream.skipped == 2
    assert stream.fill(buf, 0) == 0


def test_the_sequence_counts_packets_and_deltas_follow_what_was_sent():
    stream = PoseStream(8, *SETS[8])
    buf = bytearray(64)
    kinds = []
    values = []
    crc = 0xFFFF
    for value in (100, 90, 95, 95):
        sample(stream, 7)  # never sent: the next one replaces it
        sample(stream, value)
        count = stream.fill(buf, 0)
        kinds.append(buf[0])
        values.append(bytes(buf[8 : count - 2]))
        if buf[0] == KEY:
            crc = 0xFFFF
        crc = crc16(buf, 0, count - 2, crc)
        assert buf[count - 2 : count] == crc.to_bytes(2, "big")
    assert kinds == [KEY, DELTA, DELTA, DELTA]
    assert values[1:] == [bytes([19] * 6), bytes([10] * 6), bytes(6)]
    assert buf[2:4] == b"\x00\x03"


def test_key_packets_come_when_wanted_and_now_and_then():
    stream = PoseStream(8, *SETS[8])
    buf = bytearray(64)
    kinds = []
    for number in range(250):
        if number == 30:
            stream.key_wanted()
        sample(stream, number)
        stream.fill(buf, 0)
        kinds.append(buf[0])
    assert [i for i, kind in enumerate(kinds) if kind == KEY] == [0, 30, 130, 230]


def test_the_largest_set_fits_a_frame():
    stream = PoseStream(4, *SETS[4])
    assert stream.landmarks * stream.channels == VALUES_MAX
    buf = bytearray(4608)
    stream.values[:] = struct.pack("<h", -32768) * VALUES_MAX
    stream.publish()
    assert stream.fill(buf, 4) == 10 + 3 * VALUES_MAX
    assert PACKET_MAX + HEADER[2] <= FRAME_MAX
