"""The One-Euro filter of the board against its plain twin; tests/pose/test_filter.py holds it to the host's."""

import struct

import twins
from fw_support import Random
from posewire_fw.pose_filter import PoseFilter
from posewire_fw.pose_stream import PoseStream

MISSING = float("nan")


def same(a, b):
    return a == b or (a != a and b != b)


def run(landmarks, channels, settings, frames):
    board = PoseFilter(*settings)
    board.reshape(landmarks, channels)
    twin = twins.OneEuro(channels, *settings)
    code = "<%df" % (landmarks * channels)
    for time, values in frames:
        data = bytearray(struct.pack(code, *values))
        want = twin(struct.unpack(code, bytes(data)), time)
        board.apply(data, struct.pack(">I", time))
        got = struct.unpack(code, bytes(data))
        assert all(same(a, b) for a, b in zip(want, got)), (time, settings)


def test_it_does_as_its_twin():
    rng = Random(21)
    for settings in ((1, 10), (0.1, 0), (20, 100), (0.5, 0.02), (3.7, 1.5)):
        for spread in (3, 400, 60000, 4000000):
            time = 0xFFFFFFFF - 300
            values = [0.0] * 12
            frames = []
            for _ in range(25):
                time = (time + (1, 33, 40, 900, 70000, 0)[rng.below(6)]) & 0xFFFFFFFF
                values = [value + (rng.below(2 * spread) - spread) / 32768 for value in values]
                frames.append((time, [MISSING if rng.below(30) == 0 else value for value in values]))
            run(4, 3, settings, frames)


def test_the_largest_numbers_there_are_do_no_harm():
    worst = [3e38, -3e38, 128.0, -128.0, 127.999, -127.999, 0.0, -0.0, 1e-45, 2.0**-23, float("inf"), MISSING]
    for settings in ((1, 10), (20, 100), (0.1, 0)):
        for step in (1, 33, 60000):
            turned = [(number * step, worst[number % 12 :] + worst[: number % 12]) for number in range(26)]
            run(12, 1, settings, turned)
            run(6, 2, settings, turned)


def test_a_stream_is_smoothed_only_when_it_is_told_to():
    def moved(smooth):
        stream = PoseStream(6, 17, 3)
        if smooth:
            stream.set_filter(PoseFilter())
        buf = bytearray(stream.room)
        for number in range(2):
            stream.values[:] = struct.pack("<51f", *[0.25 + number / 64] * 51)
            stream.time[3] = 33 * number
            stream.publish()
            assert stream.fill(buf, 0)
        return struct.unpack("<51f", bytes(stream.values))[0]

    assert moved(False) == 0.25 + 1 / 64
    assert 0.25 < moved(True) < 0.25 + 1 / 100


def test_another_shape_starts_anew():
    stream = PoseStream(0, 5, 2)
    stream.set_filter(PoseFilter())
    buf = bytearray(900)
    for landmarks, channels in ((5, 2), (40, 3), (1, 8)):
        stream.reshape(landmarks, channels)
        stream.values[:] = struct.pack("<f", landmarks / 8) * (landmarks * channels)
        stream.publish()
        assert stream.fill(buf, 0)
        assert struct.unpack("<f", bytes(stream.values[:4]))[0] == landmarks / 8
