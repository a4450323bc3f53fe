"""The queue before the link: in order while there is room, the oldest lost first, with its own time for each sample."""

import struct

from posewire_fw.pose_decoder import FRAME, PoseDecoder
from posewire_fw.pose_queue import PoseQueue
from posewire_fw.pose_stream import IMU6


def put(queue, number):
    struct.pack_into("<6h", queue.values, 0, number, 2 * number, -number, 0, 1, 2)
    struct.pack_into(">I", queue.time, 0, 1000 + 5 * number)
    queue.publish()


def drain(queue, decoder):
    """(first value, time) of everything that is sent."""
    buf = bytearray(queue.room + 4)
    seen = []
    while True:
        count = queue.fill(buf, 4)
        if not count:
            return seen
        assert decoder.decode(buf, 4, 4 + count) == FRAME
        seen.append((decoder.integers(0)[0], decoder.time_ms))


def test_every_sample_arrives_with_its_time():
    queue = PoseQueue(IMU6, 2, 3, 8)
    decoder = PoseDecoder()
    for number in range(100):
        put(queue, number)
        if number % 5 == 4:
            assert drain(queue, decoder) == [(n, 1000 + 5 * n) for n in range(number - 4, number + 1)]
    assert queue.skipped == 0


def test_a_full_queue_loses_the_oldest_and_counts_them():
    queue = PoseQueue(IMU6, 2, 3, 8)
    decoder = PoseDecoder()
    put(queue, 0)
    drain(queue, decoder)
    for number in range(1, 21):
        put(queue, number)
    assert [value for value, _ in drain(queue, decoder)] == list(range(13, 21))
    assert queue.skipped == 12


def test_a_new_receiver_does_not_get_what_is_old():
    queue = PoseQueue(IMU6, 2, 3, 8)
    for number in range(5):
        put(queue, number)
    queue.key_wanted()
    put(queue, 9)
    assert drain(queue, PoseDecoder()) == [(9, 1045)]
    assert queue.skipped == 0


def test_the_counters_stay_small():
    queue = PoseQueue(IMU6, 2, 3, 8)
    decoder = PoseDecoder()
    queue._put = queue._taken = 0x100000
    put(queue, 3)
    put(queue, 4)
    assert queue._put == 2
    assert [value for value, _ in drain(queue, decoder)] == [3, 4]


def test_times_go_on_beyond_16_and_32_bits():
    queue = PoseQueue(IMU6, 2, 3, 8)
    decoder = PoseDecoder()
    times = [0xFFFE, 0xFFFF, 0x1F000, 0xFFFF8000, 0xFFFFFFFF, 5, 0xFFFF, 0x1FFFE]
    seen = []
    for number, time in enumerate(times):
        if time == 0xFFFF8000:
            queue.key_wanted()  # further on than a delta can say
        put(queue, number)
        struct.pack_into(">I", queue._times, 4 * ((queue._put - 1) % 8), time)
        seen += [shown for _, shown in drain(queue, decoder)]
    assert seen == times
