"""The keypoint UART: frames are found in any pieces, damage costs one frame and is counted."""

import struct

import twins
from posewire_fw.keypoints import KeypointReader
from posewire_fw.pose import VALUES_MAX
from support import Random


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


def reader():
    line = Line()
    streams = []
    return line, KeypointReader(line, streams.append), streams


def read_all(line, keypoints):
    while line.data:
        keypoints.poll()


def body33(seed):
    rng = Random(seed)
    return [(rng.below(4000) - 2000) / 1024 for _ in range(132)]


def expected(values, bits):
    return struct.pack(
        "<%dh" % len(values), *[twins.quantise_value(v, bits[i % len(bits)]) for i, v in enumerate(values)]
    )


def test_a_frame_becomes_a_sample():
    line, keypoints, streams = reader()
    values = body33(1)
    line.data = frame(1, 4, 33, 0xFEDCBA98, values)
    keypoints.poll()
    assert len(streams) == 1
    assert streams[0].set_id == 1
    assert bytes(streams[0].values) == expected(values, [12, 12, 10, 6])
    assert bytes(streams[0].time) == b"\xfe\xdc\xba\x98"
    assert streams[0].fill(bytearray(600), 0) > 0
    assert (keypoints.frames, keypoints.bad_frames, keypoints.skipped_bytes) == (1, 0, 0)


def test_any_pieces():
    data = b"".join([frame(1, 4, 33, n, body33(n)) for n in range(5)])
    for piece in (1, 7, 100, 255, 256):
        line, keypoints, streams = reader()
        for at in range(0, len(data), piece):
            line.data += data[at : at + piece]
            keypoints.poll()
        assert keypoints.frames == 5
        assert bytes(streams[0].values) == expected(body33(4), [12, 12, 10, 6])
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
    assert bytes(streams[0].values) == expected(body33(9), [12, 12, 10, 6])


def test_a_flipped_bit_costs_only_its_own_frame():
    clean = [frame(6, 3, 17, n, body33(n)[:51]) for n in range(3)]
    for at in range(len(clean[1])):
        line, keypoints, _ = reader()
        damaged = bytearray(clean[1])
        damaged[at] ^= 1 << (at & 7)
        line.data = clean[0] + bytes(damaged) + clean[2] + bytes(10)
        keypoints.poll()
        assert keypoints.frames == 2, at
        assert keypoints.bad_frames + keypoints.skipped_bytes > 0


def test_a_frame_cut_short_does_not_swallow_the_next():
    line, keypoints, _ = reader()
    good = frame(6, 3, 17, 1, body33(3)[:51])
    line.data = good[:100] + good + good
    keypoints.poll()
    assert keypoints.frames == 2


def test_missing_and_infinite_values_do_not_lose_the_frame():
    line, keypoints, streams = reader()
    values = body33(4)[:51]
    values[3] = values[4] = values[5] = float("nan")
    values[6] = float("inf")
    values[7] = float("-inf")
    values[8] = 1e20
    line.data = frame(6, 3, 17, 1, values)
    keypoints.poll()
    got = struct.unpack("<51h", bytes(streams[0].values))
    assert got[3:9] == (-32768, -32768, -32768, 32767, -32767, 32767)


def test_several_sets_are_several_streams():
    line, keypoints, streams = reader()
    for n in range(4):
        line.data = frame(1, 4, 33, n, body33(n)) + frame(7, 4, 1, n, [1.0, 0.0, 0.0, 0.0])
        read_all(line, keypoints)
        if n == 0:
            for stream in streams:
                assert stream.fill(bytearray(600), 0)
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
    assert bytes(streams[0].values) == struct.pack("<h", 1024) * 6
    buf = bytearray(64)
    assert streams[0].fill(buf, 0)
    assert buf[0] == 0  # another shape needs a key packet
    assert buf[8:12] == b"\x00\x02\x03\x0c"


def test_headers_that_cannot_be_are_refused_at_once():
    line, keypoints, _ = reader()
    for set_id, channels, landmarks in ((1, 4, 34), (1, 3, 33), (99, 1, 1), (0, 9, 1), (0, 0, 5), (0, 8, 1000)):
        line.data = b"\xa5\x5a" + struct.pack("<BBHI", set_id, channels, landmarks, 0)
        keypoints.poll()
    assert keypoints.bad_frames == 6
    line.data = frame(7, 4, 1, 1, [1.0, 0.0, 0.0, 0.0])
    keypoints.poll()
    assert keypoints.frames == 1


def test_the_largest_set_fits():
    line, keypoints, streams = reader()
    line.data = frame(4, 3, 478, 1, [0.5] * VALUES_MAX)
    read_all(line, keypoints)
    assert streams[0].landmarks == 478


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
