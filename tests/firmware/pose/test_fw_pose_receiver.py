"""Following a member of the room: which stream, what is asked for, how a pose ages, and without the heap."""

import struct
import time

from posewire_fw import pose_receiver
from posewire_fw.events import Events
from posewire_fw.pose_receiver import HELD, LIVE, LOST, PoseReceiver
from posewire_fw.pose_stream import IMU6, PoseStream

BODY = 1


class Clock:
    """Stands for the module time of the receiver."""

    ticks_diff = staticmethod(time.ticks_diff)
    ticks_add = staticmethod(time.ticks_add)

    def __init__(self):
        self.now = 5000

    def ticks_ms(self):
        return self.now


class Publisher:
    """A stream of body33, encoded as a board does it."""

    def __init__(self, set_id=BODY, landmarks=33, channels=4):
        self.stream = PoseStream(set_id, landmarks, channels)
        self.time = 0
        self.buf = bytearray(self.stream.room + 4)

    def packet(self, value):
        """Fills buf from 4; returns the end."""
        count = len(self.stream.values) // 4
        struct.pack_into("<%df" % count, self.stream.values, 0, *[value + n / 1000 for n in range(count)])
        self.time += 33
        struct.pack_into(">I", self.stream.time, 0, self.time)
        self.stream.publish()
        return 4 + self.stream.fill(self.buf, 4)


class Scene:
    def __init__(self, wanted="body33"):
        self.clock = pose_receiver.time = Clock()
        self.events = Events()
        self.heard = []
        for name in ("pose", "pose_held", "pose_lost"):
            self.events.on(name, lambda value, name=name: self.heard.append(name))
        self.receiver = PoseReceiver(self.events, wanted, 500, 3000)
        self.asked = bytearray(16)

    def send(self, publisher, member_id=1, value=0.25):
        self.receiver.receive(member_id, publisher.buf, 4, publisher.packet(value))

    def wait(self, milliseconds):
        self.clock.now += milliseconds
        self.receiver.tick()


def end():
    pose_receiver.time = time


def test_a_pose_is_shown_as_integers():
    scene = Scene()
    scene.send(Publisher(), value=0.25)
    pose = scene.receiver
    assert scene.heard == ["pose"]
    assert pose.landmarks == 33
    assert pose.there(32)
    assert not pose.there(33)
    # The value of landmark 5, y: 0.25 + 21 / 1000, on a grid of 4096ths.
    assert abs(pose.at(5, 1, 4096) - round(0.271 * 4096)) <= 1
    assert pose.at(5, 1) in (270, 271)
    end()


def test_a_pose_ages():
    scene = Scene()
    publisher = Publisher()
    scene.send(publisher)
    scene.wait(400)
    scene.send(publisher)
    scene.wait(501)
    assert scene.receiver.state == HELD
    assert scene.receiver.there(0)
    scene.wait(1000)
    scene.send(publisher)
    assert scene.receiver.state == LIVE
    scene.wait(3001)
    assert scene.receiver.state == LOST
    scene.wait(10000)
    assert scene.heard == ["pose", "pose", "pose_held", "pose", "pose_lost"]
    end()


def test_one_stream_is_followed_and_the_next_when_it_is_lost():
    scene = Scene()
    first, second, other = Publisher(), Publisher(), Publisher(IMU6, 2, 3)
    scene.send(other, 7)
    assert scene.receiver.member_id == 0
    scene.send(first, 1)
    scene.send(second, 2)
    assert scene.receiver.member_id == 1
    assert scene.receiver.frames == 1
    scene.wait(4000)
    # It had missed the key of the second: it asks for one.
    scene.send(second, 2)
    assert scene.receiver.member_id == 2
    assert scene.receiver.frames == 1
    count = scene.receiver.fill(scene.asked, 0)
    assert count == 9
    assert second.stream.control(scene.asked, 0, count)
    scene.send(second, 2)
    assert scene.receiver.frames == 2
    end()


def test_a_member_that_leaves_makes_room():
    scene = Scene()
    first, second = Publisher(), Publisher()
    scene.send(first, 1)
    scene.receiver.forget(2)
    assert scene.receiver.member_id == 1
    scene.receiver.forget(1)
    scene.send(second, 2)
    assert scene.receiver.member_id == 2
    assert scene.receiver.frames == 2
    end()


def test_one_who_never_sends_a_key_is_given_up():
    scene = Scene()
    mute = Publisher()
    mute.packet(0.1)
    scene.send(mute, 1)
    assert scene.receiver.member_id == 1
    scene.wait(3001)
    assert scene.receiver.member_id == 0
    assert scene.heard == []
    end()


def test_a_lost_packet_is_asked_for_no_more_than_once_a_second():
    scene = Scene()
    publisher = Publisher()
    scene.send(publisher)
    publisher.packet(0.3)
    scene.send(publisher)
    scene.wait(10)
    asked = scene.receiver.fill(scene.asked, 0)
    for _ in range(20):
        scene.send(publisher)
        scene.wait(10)
        asked += scene.receiver.fill(scene.asked, 0)
    assert asked == 9
    scene.wait(1000)
    assert scene.receiver.fill(scene.asked, 0) == 9
    end()


def test_junk_is_counted_and_does_no_harm():
    scene = Scene("any")
    publisher = Publisher()
    for data in (b"", b"\x20", bytes(40), b"\xff" * 40, b"\x20\x00\x00\x00\x00\x00\x00\x00\x01" + bytes(20)):
        scene.receiver.receive(1, data, 0, len(data))
    scene.receiver.forget()
    scene.send(publisher)
    assert scene.receiver.frames == 1
    for at in range(4, 60):
        last = publisher.packet(0.2)
        publisher.buf[at] ^= 0x10
        scene.receiver.receive(1, publisher.buf, 4, last)
    assert scene.receiver.frames < 5
    end()


def test_following_allocates_nothing():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        return
    scene = Scene()
    scene.events._listeners.clear()
    seen = [0]

    def look(pose):
        if pose.there(16):
            seen[0] = pose.at(16, 1)

    scene.events.on("pose", look)
    publisher = Publisher()
    packets = []
    for n in range(12):
        last = publisher.packet(0.2 + n / 100)
        packets.append(bytes(publisher.buf[:last]))
    scene.receiver.receive(1, packets[0], 4, len(packets[0]))
    scene.receiver.receive(1, packets[1], 4, len(packets[1]))
    rest = packets[2:]
    heap_lock()
    try:
        for packet in rest:
            scene.receiver.receive(1, packet, 4, len(packet))
            scene.receiver.tick()
            scene.receiver.fill(scene.asked, 0)
    finally:
        heap_unlock()
    end()
    assert scene.receiver.frames == 12
    assert seen[0] > 300
