# Runs on MicroPython: bytes allocated while body33 frames are encoded and decoded, after start-up.
import gc
from array import array

from posewire_fw.pose_decoder import FRAME, PoseDecoder
from posewire_fw.pose_encoder import PoseEncoder
from posewire_fw.pose_sets import PoseSet

encoder = PoseEncoder([PoseSet(1)])
decoder = PoseDecoder([PoseSet(1, set_states=3)])
buf = bytearray(encoder.room)
frames = [array("f", [((7 * i + 13 * t * (i % 5)) % 101) / 128 for i in range(132)]) for t in range(4)]
values = [None]
time = bytearray(4)


def stamp(ms):
    time[2] = ms >> 8
    time[3] = ms & 255
    return time


def run(n, what):
    size = 0
    t = 0
    while t < n:
        values[0] = frames[t & 3]
        if what:
            size = encoder.encode(values, stamp(33 * t), buf)
        else:
            decoder.decode(buf, 0, 11)
        t += 1
    return size


run(4, True)
gc.collect()
gc.disable()
before = gc.mem_alloc()
run(50, True)
print("encode", gc.mem_alloc() - before)
packets = []
lengths = []
encoder.request_key()
for t in range(40):
    values[0] = frames[t & 3]
    n = encoder.encode(values, stamp(2000 + 33 * t), buf)
    packets.append(bytes(buf[:n]))
results = bytearray(40)


def take(first):
    t = first
    while t < 40:
        results[t] = decoder.decode(packets[t], 0, len(packets[t])) & 255
        t += 1


decoder.decode(packets[0], 0, len(packets[0]))
decoder.decode(packets[1], 0, len(packets[1]))
before = gc.mem_alloc()
take(2)
print("decode", gc.mem_alloc() - before)
assert all(r == FRAME for r in results[2:])
