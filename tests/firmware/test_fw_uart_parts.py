"""BNO08x, Grove Vision AI V2 and HuskyLens 2, which speak protocols of their own, each with a stand-in that answers."""

import json
import math
import struct
import time

from fw_support import Random
from posewire_fw import bno08x, fixed, grove_ai, huskylens2
from posewire_fw.clock import Clock


class Uart:
    """A line with a device at its other end: answer(written) gives what it sends then."""

    def __init__(self, answer=None):
        self._answer = answer
        self.pending = b""
        self.written = []

    def any(self):
        return len(self.pending)

    def readinto(self, buf):
        count = min(len(buf), len(self.pending))
        buf[:count] = self.pending[:count]
        self.pending = self.pending[count:]
        return count

    def write(self, data):
        self.written.append(bytes(data))
        if self._answer is not None:
            self.pending += self._answer(bytes(data))


def floats(stream):
    return struct.unpack("<%df" % (len(stream.values) // 4), bytes(stream.values))


# fixed point


def test_the_sine():
    table = fixed.sine_table()
    for phase in range(-70000, 70000, 37):
        assert abs(fixed.sine(table, phase) / 16384 - math.sin(phase * math.pi / 32768)) < 0.0002


def test_floats_are_put_together_as_the_machine_does_it():
    values = bytearray(8)
    rng = Random(3)
    for value in [0, 1, -1, 16384, -16384, 8192, 0xFFFFFF] + [rng.below(40000) - 20000 for _ in range(200)]:
        fixed.put_float(values, 1, value)
        assert struct.unpack("<2f", bytes(values)) == (0.0, value / 16384), value
    fixed.put_missing(values, 1)
    missing = struct.unpack("<2f", bytes(values))[1]
    assert missing != missing


# BNO08x


def rvc(yaw, pitch, roll, count=0):
    body = struct.pack("<B6h3x", count & 255, round(yaw * 100), round(pitch * 100), round(roll * 100), 0, 0, 981)
    return b"\xaa\xaa" + body + bytes([sum(body) & 0xFF])


def quaternion(yaw, pitch, roll):
    y, p, r = [math.radians(angle) / 2 for angle in (yaw, pitch, roll)]
    return (
        math.cos(r) * math.cos(p) * math.cos(y) + math.sin(r) * math.sin(p) * math.sin(y),
        math.sin(r) * math.cos(p) * math.cos(y) - math.cos(r) * math.sin(p) * math.sin(y),
        math.cos(r) * math.sin(p) * math.cos(y) + math.sin(r) * math.cos(p) * math.sin(y),
        math.cos(r) * math.cos(p) * math.sin(y) - math.sin(r) * math.sin(p) * math.cos(y),
    )


def test_angles_become_a_quaternion():
    uart = Uart()
    sensor = bno08x.Bno08x(uart, Clock())
    rng = Random(4)
    for _ in range(60):
        angles = (rng.below(36000) / 100 - 180, rng.below(18000) / 100 - 90, rng.below(36000) / 100 - 180)
        uart.pending = rvc(*angles)
        sensor.poll()
        for got, wanted in zip(floats(sensor.stream), quaternion(*angles)):
            assert abs(got - wanted) < 0.0006, angles
    assert (sensor.frames, sensor.bad_frames) == (60, 0)


def test_a_damaged_line_is_counted_and_the_next_frame_is_found():
    uart = Uart()
    sensor = bno08x.Bno08x(uart, Clock())
    good = rvc(10, 20, 30)
    bad = bytearray(good)
    bad[5] ^= 1
    uart.pending = b"\x00\x17\xaa\x01" + good + bytes(bad) + good[:7] + b"\x01" * 12 + good + good
    sensor.poll()
    assert sensor.frames >= 2
    assert sensor.bad_frames >= 1
    assert sensor.skipped_bytes >= 4


# Grove Vision AI V2


def person(shift, fields=4):
    points = [[10 * n + shift, 5 * n + 20, 60 + n, n][:fields] for n in range(17)]
    return [[120, 100, 50, 80, 77, 0], points]


def line(people, **more):
    data = {"count": 3, "perf": [8, 365, 0], "keypoints": people}
    data.update(more)
    return b"\r" + json.dumps({"type": 1, "name": "INVOKE", "code": 0, "data": data}).encode() + b"\n"


def module(people, **more):
    """Answers an invocation with a line, and the text that comes with it."""

    def answer(written):
        assert written == b"AT+INVOKE=-1,0,1\r\n"
        return b'\r{"type": 0, "name": "INVOKE", "code": 0, "data": {"model": {"id": 1}}}\n' + line(people, **more)

    return answer


def run(part, frames, milliseconds=2000):
    begun = time.ticks_ms()
    while part.frames < frames and time.ticks_diff(time.ticks_ms(), begun) < milliseconds:
        part.poll()


def test_the_module_is_told_to_begin_and_its_points_arrive():
    uart = Uart(module([person(3), person(100)]))
    part = grove_ai.GroveAi(uart, Clock(), 240, 192)
    run(part, 1)
    values = floats(part.stream)
    for n in range(17):
        wanted = ((10 * n + 3) / 240, (5 * n + 20) / 192, (60 + n) / 100)
        for got, value in zip(values[3 * n : 3 * n + 3], wanted):
            assert abs(got - value) < 0.0001
    assert len(uart.written) == 1


def test_lines_in_pieces_points_without_scores_and_nobody():
    part = grove_ai.GroveAi(Uart(), Clock(), 240, 240)
    data = line([]) + line([person(1, 2)]) + line([person(2)], boxes=[[1, 2, 3, 4, 5, 6]])
    for i in range(len(data)):
        part.feed(data[i : i + 1], 1)
    assert part.frames == 2
    part.feed(line([person(1, 2)]), len(line([person(1, 2)])))
    assert floats(part.stream)[2] == 1.0


def test_a_point_at_the_origin_is_missing():
    people = [person(0)]
    people[0][1][4][:2] = [0, 0]
    part = grove_ai.GroveAi(Uart(), Clock(), 240, 240)
    part.feed(line(people), len(line(people)))
    assert floats(part.stream)[12] != floats(part.stream)[12]


def test_lines_that_break_off_do_not_cost_the_next():
    rng = Random(9)
    part = grove_ai.GroveAi(Uart(), Clock(), 240, 240)
    good = line([person(7)])
    for _ in range(60):
        cut = good[: rng.below(len(good))] + (b"\n" if rng.below(2) else b"")
        junk = rng.bytes(rng.below(20))
        before = part.frames
        for data in (cut, junk, b"\n", good):
            part.feed(data, len(data))
        assert part.frames > before
        assert abs(floats(part.stream)[0] - 7 / 240) < 0.0001


def test_a_module_that_falls_silent_is_told_again():
    uart = Uart()
    part = grove_ai.GroveAi(uart, Clock(), 240, 240)
    part.poll()
    part.poll()
    assert len(uart.written) == 1
    part._heard = time.ticks_add(time.ticks_ms(), -3001)
    part.poll()
    assert len(uart.written) == 2


# HuskyLens 2


def husky(command, algorithm, data):
    frame = bytes([0x55, 0xAA, command, algorithm, len(data)]) + data
    return frame + bytes([sum(frame) & 0xFF])


def block(algorithm, points, confidence=80, name=b"person"):
    data = struct.pack("<Bb4h", 1, confidence, 320, 240, 100, 200) + bytes([len(name)]) + name + b"\x00"
    for x, y in points:
        data += struct.pack("<2h", x, y)
    return husky(0x1C, algorithm, data)


def lens(algorithm, *blocks):
    def answer(written):
        assert written == husky(0x01, algorithm, b"")
        return husky(0x1B, algorithm, struct.pack("<Bb4h", 1, 0, len(blocks), 0, len(blocks), 0)) + b"".join(blocks)

    return answer


POINTS = [(20 * n + 5, 10 * n + 9) for n in range(21)]


def test_a_body_is_asked_for_and_arrives_again_and_again():
    uart = Uart(lens(9, block(9, POINTS[:17]), block(9, POINTS[4:21])))
    part = huskylens2.HuskyLens2(uart, Clock())
    run(part, 3)
    assert part.frames == 3
    values = floats(part.stream)
    for n, (x, y) in enumerate(POINTS[:17]):
        assert abs(values[3 * n] - x / 640) < 0.0001
        assert abs(values[3 * n + 1] - y / 480) < 0.0001
        assert abs(values[3 * n + 2] - 0.8) < 0.0001
    assert part.bad_frames == part.skipped_bytes == 0


def test_a_hand():
    part = huskylens2.HuskyLens2(Uart(lens(8, block(8, POINTS, name=b""))), Clock(), huskylens2.HAND)
    run(part, 1)
    values = floats(part.stream)
    assert len(values) == 63
    assert abs(values[60] - POINTS[20][0] / 640) < 0.0001
    assert values[62] == 0


def test_nobody_another_algorithm_and_a_lens_that_is_not_there():
    part = huskylens2.HuskyLens2(Uart(lens(9)), Clock())
    run(part, 1, 200)
    assert part.frames == 0
    assert 2 < len(part._uart.written) < 20
    part = huskylens2.HuskyLens2(Uart(lens(9, block(9, []))), Clock())
    run(part, 1, 100)
    assert part.frames == 0
    assert part.bad_frames
    part = huskylens2.HuskyLens2(Uart(), Clock())
    run(part, 1, 700)
    assert len(part._uart.written) == 3


def test_junk_between_the_lenss_frames():
    rng = Random(12)
    part = huskylens2.HuskyLens2(Uart(), Clock())
    good = block(9, POINTS[:17])
    for _ in range(40):
        part._taken = False
        before = part.frames
        # As much junk as the longest frame that it may seem to announce, then good ones.
        for data in (rng.bytes(rng.below(30)), good[: rng.below(len(good))], bytes(262), good, good):
            part.feed(data, len(data))
            part._taken = False
        assert part.frames > before


def test_nothing_is_allocated_for_a_frame():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        return
    clock = Clock()
    sensor = bno08x.Bno08x(Uart(), clock)
    camera = grove_ai.GroveAi(Uart(), clock, 240, 240)
    glass = huskylens2.HuskyLens2(Uart(), clock)
    angles, text, body = rvc(1, 2, 3), line([person(3)]), block(9, POINTS[:17])
    heap_lock()
    try:
        for _ in range(5):
            sensor.feed(angles, len(angles))
            camera.feed(text, len(text))
            glass._taken = False
            glass.feed(body, len(body))
    finally:
        heap_unlock()
    assert sensor.frames == camera.frames == glass.frames == 5
