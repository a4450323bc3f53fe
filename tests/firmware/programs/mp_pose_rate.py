"""The byte budget of the pose streams: coarser first, then less often, and back again. Runs on MicroPython only."""

import struct
import time

from fw_support import Random
from posewire_fw import pose_rate
from posewire_fw.pose_queue import PoseQueue
from posewire_fw.pose_rate import PoseRate
from posewire_fw.pose_stream import IMU6, PoseStream

# Milliseconds between two looks at the streams.
STEP = 3


def noise(form, count, low, unit):
    """Poses far from each other, so that every packet carries much; made once, for making one takes long."""
    random = Random(5)
    return [struct.pack(form, *[(random.below(2000) - low) * unit for _ in range(count)]) for _ in range(17)]


BODIES = noise("<132f", 132, 0, 0.0005)
SENSORS = noise("<6h", 6, 1000, 1)


class Clock:
    ticks_diff = staticmethod(time.ticks_diff)
    ticks_add = staticmethod(time.ticks_add)

    def __init__(self):
        self.now = 999

    def ticks_ms(self):
        return self.now


class Scene:
    """A board that publishes 30 (body) or 110 (sensor) samples a second."""

    def __init__(self, limit, streams):
        self.clock = pose_rate.time = Clock()
        self.rate = PoseRate(limit)
        self.streams = streams
        self.random = Random(5)
        self.sent = [0] * len(streams)
        self.sizes = [[] for _ in streams]
        for stream in streams:
            self.rate.add(stream)

    def run(self, seconds, link=1000000):
        """Over a link that takes so many bytes a second. Returns bytes a second for each stream."""
        before = list(self.sent)
        buf = bytearray(4096)
        free_at = self.clock.now
        for _ in range(0, seconds * 1000, STEP):
            self.clock.now += STEP
            for stream in self.streams:
                if self.clock.now % (33 if stream.set_id != IMU6 else 9) == 0:
                    self.move(stream)
            while self.clock.now >= free_at:
                size = 0
                for i in range(len(self.streams)):
                    count = self.streams[i].fill(buf, 4)
                    if count:
                        self.sent[i] += count
                        self.sizes[i].append(count)
                    size += count
                if not size:
                    break
                free_at = max(free_at, self.clock.now) + size * 1000 // link
            self.rate.poll()
        return [(after - was) // seconds for after, was in zip(self.sent, before)]

    def move(self, stream):
        stream.values[:] = (SENSORS if stream.set_id == IMU6 else BODIES)[self.random.below(17)]
        struct.pack_into(">I", stream.time, 0, self.clock.now)
        stream.publish()


def body():
    return PoseStream(1, 33, 4)


def end():
    pose_rate.time = time


def test_without_a_budget_everything_goes():
    scene = Scene(0, [body()])
    free = scene.run(3)[0]
    assert len(scene.sizes[0]) == 90 or len(scene.sizes[0]) == 91
    assert free > 3000
    assert scene.rate.budget == 0
    end()


def test_a_budget_is_kept_by_coarser_packets_at_the_full_rate():
    scene = Scene(0, [body()])
    free = scene.run(3)[0]
    scene = Scene(free * 3 // 4, [body()])
    scene.run(2)
    del scene.sizes[0][:]
    there = scene.run(5)[0]
    assert there <= free * 3 // 4
    # At least nine of ten samples still went, each of them smaller.
    assert len(scene.sizes[0]) > 135
    end()


def test_what_no_coarseness_can_keep_is_sent_less_often():
    scene = Scene(600, [body()])
    scene.run(2)
    del scene.sizes[0][:]
    there = scene.run(5)[0]
    assert 400 < there <= 610
    assert len(scene.sizes[0]) < 100
    end()


def test_streams_share_it():
    scene = Scene(1600, [body(), PoseQueue(IMU6, 2, 3, 32)])
    scene.run(2)
    shares = scene.run(5)
    assert sum(shares) <= 1620
    assert min(shares) > 500
    end()


def test_a_slow_link_is_noticed_and_a_fast_one_used_again():
    scene = Scene(0, [body()])
    free = scene.run(2)[0]
    slow = free // 3
    scene.run(6, slow)
    assert 0 < scene.rate.budget < free * 2 // 3
    # It has found what the link takes: hardly a sample goes stale any more.
    skipped = scene.streams[0].skipped
    held = scene.streams[0].allowance
    scene.run(3, slow)
    assert held.stale <= 10
    assert scene.streams[0].skipped >= skipped
    scene.run(25)
    assert scene.rate.budget == 0
    assert scene.run(2)[0] > free * 9 // 10
    end()


def test_a_receiver_that_asks_for_less_gets_less():
    stream = body()
    encoder = stream._encoder
    stream.limit_packet(300)
    assert encoder.budget == 300
    stream._asked = 120
    stream.limit_packet(300)
    assert encoder.budget == 120
    stream.limit_packet(0)
    assert encoder.budget == 120
    stream.key_wanted()
    assert encoder.budget == 0
