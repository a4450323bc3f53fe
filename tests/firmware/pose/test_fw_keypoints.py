"""The keypoint UART: frames are found in any pieces, damage costs one frame and is counted."""

import struct

import twins
from fw_support import Random
from posewire_fw.keypoints import KeypointReader
from posewire_fw.pose_decoder import FRAME, PoseDecoder


class Line:
    """The UART's side towards the firmware: what has arrived and was not read yet."""

    def __init__(self):
        self.data = b""

    def any(self):
        return len(self.data)

    def readinto(self, buf):
        count = min(len(buf), len(self.data))
        buf[:count] = self.data[:count]
        self.data = self.data[count:]
        return count or None


def frame(set_id, channels, landmarks, time_ms, values):
    body = struct.pack("<BBHI", set_id, channels, landmarks, time_ms) + struct.pack("<%df" % len(values), *values)
    return b"\xa5\x5a" + body + struct.pack("<H", twins.crc16(body))


def reader(reserve=None):
    line = Line()
    streams = []
    return line, KeypointReader(line, streams.append, reserve or (lambda count: None)), streams


def received(stream):
    """The integers that a receiver makes of the newest sample; None for each of a landmark that is missing."""
    buf = bytearray(stream.room)
    decoder = PoseDecoder()
    stream.key_wanted()
    assert decoder.decode(buf, 0, stream.fill(buf, 0)) == FRAME
    out = bytearray(4 * stream.landmarks * stream.channels)
    decoder.values(0, out)
    floats = struct.unpack("<%df" % (len(out) // 4), bytes(out))
    return [None if f != f else i for f, i in zip(floats, decoder.integers(0))]


def read_all(line, keypoints):
    while line.data:
        keypoints.poll()


def body33(seed):
    rng = Random(seed)
    return [(rng.below(4000) - 2000) / 1024 for _ in range(132)]


def expected(values, bits):
    return [twins.quantise_value(v, bits[i % len(bits)]) for i, v in enumerate(values)]


def test_a_frame_becomes_a_sample():
    line, keypoints, streams = reader()
    values = body33(1)
    line.data = frame(1, 4, 33, 0xFEDCBA98, values)
    keypoints.poll()
    assert len(streams) == 1
    assert streams[0].set_id == 1
    assert received(streams[0]) == expected(values, [12, 12, 10, 6])
    assert bytes(streams[0].time) == b"\xfe\xdc\xba\x98"
    assert (keypoints.frames, keypoints.bad_frames, keypoints.skipped_bytes) == (1, 0, 0)


def test_any_pieces():
    data = b"".join([frame(1, 4, 33, n, body33(n)) for n in range(5)])
    for piece in (1, 7, 100, 255, 256):
        line, keypoints, streams = reader()
        for at in range(0, len(data), piece):
            line.data += data[at : at + piece]
            keypoints.poll()
        assert keypoints.frames == 5
        assert received(streams[0]) == expected(body33(4), [12, 12, 10, 6])
        assert (keypoints.bad_frames, keypoints.skipped_bytes) == (0, 0)


def test_garbage_between_frames_is_skipped_and_counted():
    rng = Random(2)
    line, keypoints, streams = reader()
    for n in range(10):
        noise = rng.bytes(50 + rng.below(300))
        line.data += noise.replace(b"\xa5", b"\x00") + b"\xa5" * (n & 3) + frame(1, 4, 33, n, body33(n))
    read_all(line, keypoints)
    assert keypoints.frames == 10
    assert keypoints.skipped_bytes > 500
    assert received(streams[0]) == expected(body33(9), [12, 12, 10, 6])


def test_a_flipped_bit_costs_only_its_own_frame():
    clean = [frame(6, 3, 17, n, body33(n)[:51]) for n in range(3)]
    line, keypoints, _ = reader()
    lost = 0
    for at in range(len(clean[1])):
        damaged = bytearray(clean[1])
        damaged[at] ^= 1 << (at & 7)
        line.data = clean[0] + bytes(damaged) + clean[2] + bytes(10)
        keypoints.poll()
        assert keypoints.frames == 2 * (at + 1), at
        assert keypoints.bad_frames + keypoints.skipped_bytes > lost, at
        lost = keypoints.bad_frames + keypoints.skipped_bytes


def test_a_frame_cut_short_does_not_swallow_the_next():
    line, keypoints, _ = reader()
    good = frame(6, 3, 17, 1, body33(3)[:51])
    line.data = good[:100] + good + good
    keypoints.poll()
    assert keypoints.frames == 2


def test_values_that_are_not_finite_lose_their_landmark_only():
    line, keypoints, streams = reader()
    values = body33(4)[:51]
    values[4] = float("nan")
    values[6] = float("inf")
    values[9] = 1e20
    line.data = frame(6, 3, 17, 1, values)
    keypoints.poll()
    got = received(streams[0])
    assert got[3:9] == [None] * 6
    assert got[9] == 32767
    assert None not in got[:3] + got[10:]


def test_several_sets_are_several_streams():
    line, keypoints, streams = reader()
    for n in range(4):
        line.data = frame(1, 4, 33, n, body33(n)) + frame(7, 4, 1, n, [1.0, 0.0, 0.0, 0.0])
        read_all(line, keypoints)
        if n == 0:
            for stream in streams:
                assert stream.fill(bytearray(700), 0)
    assert [stream.set_id for stream in streams] == [1, 7]
    assert [stream.skipped for stream in streams] == [2, 2]  # of three samples only the newest is left


def test_a_custom_set_may_change_its_shape():
    line, keypoints, streams = reader()
    line.data = frame(0, 2, 5, 1, [0.5] * 10)
    keypoints.poll()
    assert (streams[0].landmarks, streams[0].channels) == (5, 2)
    line.data = frame(0, 3, 2, 2, [0.25] * 6)
    keypoints.poll()
    assert len(streams) == 1
    assert received(streams[0]) == [1024] * 6
    line.data = frame(0, 2, 5, 3, [0.5] * 10)
    keypoints.poll()
    assert received(streams[0]) == [2048] * 10


def test_headers_that_cannot_be_are_refused_at_once():
    line, keypoints, _ = reader()
    for set_id, channels, landmarks in ((1, 4, 34), (1, 3, 33), (99, 1, 1), (0, 9, 1), (0, 0, 5), (0, 8, 1000)):
        line.data = b"\xa5\x5a" + struct.pack("<BBHI", set_id, channels, landmarks, 0)
        keypoints.poll()
    assert keypoints.bad_frames == 6
    line.data = frame(7, 4, 1, 1, [1.0, 0.0, 0.0, 0.0])
    keypoints.poll()
    assert keypoints.frames == 1


def test_all_sets_of_the_specification_are_taken():
    for set_id, landmarks, channels in ((2, 42, 3), (5, 33, 4), (8, 2, 3), (10, 21, 3), (11, 21, 3), (7, 12, 4)):
        line, keypoints, streams = reader()
        line.data = frame(set_id, channels, landmarks, 1, ([1.0] + [0.0] * (channels - 1)) * landmarks)
        read_all(line, keypoints)
        got = received(streams[0])
        assert (len(got), got[1]) == (landmarks * channels, 0)
        assert got[0] == {5: 1024, 8: 1}.get(set_id, 4096)


def test_a_face_and_a_whole_body_fit():
    for set_id, landmarks in ((4, 478), (0, 543)):
        rooms = []
        line, keypoints, streams = reader(rooms.append)
        values = [n / 2048 for n in range(3 * landmarks)]
        line.data = frame(set_id, 3, landmarks, 1, values)
        read_all(line, keypoints)
        assert rooms == [streams[0].room]
        assert received(streams[0]) == expected(values, [12, 12, 12 if set_id == 0 else 10])


def test_a_set_without_memory_is_ignored_and_the_others_go_on():
    def reserve(count):
        if count > 1000:
            raise MemoryError

    line, keypoints, streams = reader(reserve)
    for n in range(3):
        line.data = frame(0, 3, 400, n, [0.5] * 1200) + frame(1, 4, 33, n, body33(n))
        read_all(line, keypoints)
    assert [stream.set_id for stream in streams] == [1]
    assert keypoints.frames == 3
    # in a smaller shape it is welcome, and when it then grows nothing of it is left
    line.data = frame(0, 3, 4, 5, [0.5] * 12)
    read_all(line, keypoints)
    assert received(streams[1]) == [2048] * 12
    line.data = frame(0, 3, 400, 6, [0.5] * 1200)
    read_all(line, keypoints)
    assert streams[1].fill(bytearray(9000), 0) == 0
    line.data = frame(0, 3, 4, 7, [0.25] * 12)
    read_all(line, keypoints)
    assert received(streams[1]) == [1024] * 12


def test_noise_never_stops_the_reader():
    rng = Random(6)
    line, keypoints, _ = reader()
    for _ in range(60):
        line.data = bytes([(0xA5, 0x5A, 0, 1, 4, 33, rng.below(256))[rng.below(7)] for _ in range(256)])
        keypoints.poll()
    line.data = bytes(6000)  # whatever it was waiting for is over
    read_all(line, keypoints)
    line.data = frame(7, 4, 1, 1, [1.0, 0.0, 0.0, 0.0])
    before = keypoints.frames
    keypoints.poll()
    assert keypoints.frames == before + 1
