"""Pose streams: the newest sample goes out, keys come when somebody needs one, subscribers' wishes are obeyed."""

import struct

import twins
from fw_support import Random, raises
from posewire_fw.frames import HEADER
from posewire_fw.link import Link
from posewire_fw.pose_decoder import FRAME, PoseDecoder
from posewire_fw.pose_stream import IMU6, VALUES_MAX, PoseStream, is_shape
from posewire_fw.uplink import Uplink

KEY = 0
DELTA = 1


def kind(buf, at=0):
    return buf[at] >> 2 & 7


def counts(stream, value):
    stream.values[:] = struct.pack("<6h", *[value] * 6)
    stream.time[3] += 20
    stream.publish()


def imu():
    return PoseStream(IMU6, 2, 3, counts=True)


def test_raw_counts_arrive_as_they_are():
    stream = imu()
    decoder = PoseDecoder()
    buf = bytearray(stream.room)
    for values in ((0, 4096, -7, 163, 32767, -32767), (1, 4000, -7, -163, -32768, 12)):
        stream.values[:] = struct.pack("<6h", *values)
        stream.time[3] += 20
        stream.publish()
        assert decoder.decode(buf, 0, stream.fill(buf, 0)) == FRAME
        # a full-scale count is one off: the scale is symmetrical
        assert list(decoder.integers(0)) == [max(-32767, value) for value in values]


def test_only_the_newest_sample_goes_out_and_the_rest_is_counted():
    stream = imu()
    decoder = PoseDecoder()
    buf = bytearray(stream.room)
    assert stream.fill(buf, 0) == 0
    for value in (9, 8, 7):  # before anybody receives
        counts(stream, value)
    assert decoder.decode(buf, 0, stream.fill(buf, 0)) == FRAME
    for value in (8, 9, 10):
        counts(stream, value)
    assert decoder.decode(buf, 0, stream.fill(buf, 0)) == FRAME
    assert list(decoder.integers(0)) == [10] * 6
    assert stream.skipped == 2
    assert stream.fill(buf, 0) == 0


def test_the_first_packet_is_a_key_and_then_only_those_that_are_asked_for():
    stream = imu()
    buf = bytearray(stream.room)
    keys = []
    for number in range(300):
        if number == 30:
            stream.key_wanted()
        if number == 100:
            request = twins.pose_control(0, 7, bytes([1]))
            assert stream.control(b"ab" + request + b"c", 2, 2 + len(request))
        stream.values[:] = struct.pack("<6h", *[number] * 6)
        stream.time[2:] = struct.pack(">H", 20 * number)
        stream.publish()
        stream.fill(buf, 0)
        if kind(buf) == KEY:
            keys.append(number)
    assert keys == [0, 30, 100]


def test_the_clock_may_wrap_without_a_key_and_a_long_pause_brings_one():
    stream = imu()
    decoder = PoseDecoder()
    buf = bytearray(stream.room)
    kinds = []
    for number, time in enumerate((0xFFFFFFF0, 0x10, 0x1000F, 0x20010, 0x2000F)):
        stream.values[:] = struct.pack("<6h", *[number] * 6)
        stream.time[:] = struct.pack(">I", time)
        stream.publish()
        assert decoder.decode(buf, 0, stream.fill(buf, 0)) == FRAME
        kinds.append(kind(buf))
    # 32 ms, 65535 ms, 65537 ms, and backwards
    assert kinds == [KEY, DELTA, DELTA, KEY, KEY]


def test_sources_have_their_own_streams_and_hear_only_what_is_meant_for_them():
    uplink = Uplink(None)
    streams = [imu(), PoseStream(1, 33, 4)]
    for stream in streams:
        uplink.add_source(stream)
    bufs = [bytearray(stream.room) for stream in streams]

    def kinds():
        out = []
        for number, stream in enumerate(streams):
            stream.values[0] = (stream.values[0] + 1) & 255
            stream.time[3] += 20
            stream.publish()
            assert stream.fill(bufs[number], 0)
            assert bufs[number][1] == number
            out.append(kind(bufs[number]))
        return out

    assert kinds() == [KEY, KEY]
    request = twins.pose_control(1, 7, bytes([1]))
    for damaged in (request[:-1] + bytes([request[-1] ^ 1]), request[:5], b"", twins.pose_control(2, 7, bytes([1]))):
        uplink.control_pose(damaged, 0, len(damaged))
    assert KEY not in kinds()
    uplink.control_pose(request, 0, len(request))
    assert kinds()[0] != KEY
    assert kind(bufs[1]) == KEY
    uplink.reset_pose()
    assert kinds() == [KEY, KEY]


def noisy(stream, rng):
    values = [(rng.below(4000) - 2000) / 1024 for _ in range(132)]
    stream.values[:] = struct.pack("<132f", *values)
    stream.time[3] = (stream.time[3] + 33) & 127
    stream.publish()


def test_a_rate_that_a_subscriber_asks_for_is_kept_until_there_are_new_receivers():
    rng = Random(3)
    stream = PoseStream(1, 33, 4)
    buf = bytearray(stream.room)
    noisy(stream, rng)
    free = stream.fill(buf, 0)
    request = twins.pose_control(0, 7, bytes([3, 1, 0]))
    assert stream.control(request, 0, len(request))
    for _ in range(20):
        noisy(stream, rng)
        assert 0 < stream.fill(buf, 0) <= 256
    stream.key_wanted()
    noisy(stream, rng)
    assert stream.fill(buf, 0) > 256
    assert free > 256


def test_a_board_that_starts_again_is_not_taken_for_the_one_before():
    buf = bytearray(imu().room)
    starts = set()
    for _ in range(8):
        stream = imu()
        counts(stream, 1)
        stream.fill(buf, 0)
        starts.add(buf[2] << 8 | buf[3])
    assert len(starts) > 4


def test_another_shape_begins_with_a_key_and_goes_on_counting():
    stream = PoseStream(0, 5, 2)
    decoder = PoseDecoder()
    buf = bytearray(900)
    sequences = []
    for landmarks, channels in ((5, 2), (40, 3), (1, 8)):
        stream.reshape(landmarks, channels)
        stream.values[:] = struct.pack("<f", 0.25) * (landmarks * channels)
        stream.publish()
        assert decoder.decode(buf, 0, stream.fill(buf, 0)) == FRAME
        assert kind(buf) == KEY
        assert list(decoder.integers(0)) == [1024] * (landmarks * channels)
        sequences.append(buf[2] << 8 | buf[3])
    assert [(s - sequences[0]) & 0xFFFF for s in sequences] == [0, 1, 2]
    stream.close()
    stream.key_wanted()
    assert not stream.control(b"", 0, 0)
    assert stream.fill(buf, 0) == 0


def test_the_shapes_are_those_of_the_specification():
    right = ((1, 33, 4), (2, 42, 3), (3, 468, 3), (4, 478, 3), (5, 33, 4), (6, 17, 3), (7, 1, 4), (7, 255, 4))
    right += ((8, 2, 3), (10, 21, 3), (11, 21, 3), (0, 543, 3), (0, 1000, 1), (0, 1, 8))
    for shape in right:
        assert is_shape(*shape), shape
    wrong = ((1, 34, 4), (1, 33, 3), (7, 0, 4), (7, 256, 4), (7, 1, 3), (9, 16, 4), (12, 1, 1), (0, 1001, 1))
    for shape in wrong + ((0, 0, 3), (0, 3, 0), (0, 3, 9), (0, 544, 3)):
        assert not is_shape(*shape), shape


def test_the_link_makes_room_for_the_largest_set():
    stream = PoseStream(0, 543, 3)
    assert 543 * 3 == VALUES_MAX
    rng = Random(5)
    stream.values[:] = b"".join([struct.pack("<f", (rng.below(60000) - 30000) / 4096) for _ in range(VALUES_MAX)])
    stream.publish()
    link = Link(None)
    builder = link.builder
    builder.put(2, b"under way")
    before = bytes(builder.buffer[: builder.end])
    raises(ValueError, stream.fill, builder.buffer, builder.PAYLOAD)
    link.reserve(max(HEADER) + stream.room)
    assert builder.buffer[: builder.end] == before
    stream.publish()
    count = stream.fill(builder.buffer, builder.PAYLOAD + 4)
    assert 4096 < count <= stream.room
    assert PoseDecoder().decode(builder.buffer, builder.PAYLOAD + 4, builder.PAYLOAD + 4 + count) == FRAME
