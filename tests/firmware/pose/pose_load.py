# Runs on MicroPython: encodes or decodes the frames of a recording, for counting instructions
# (tools/count_pose_instructions.py).
# pose_load.py IDS encode|decode FRAMES FILE; FILE: for each frame the float32 values of its sets, or for each packet
# its length (two bytes, big-endian) and its bytes.
import sys
from array import array

from posewire_fw.pose_decoder import FRAME, PoseDecoder
from posewire_fw.pose_encoder import PoseEncoder
from posewire_fw.pose_sets import PoseSet

ids = [int(i) for i in sys.argv[1].split(",")]
what, count = sys.argv[2], int(sys.argv[3])
encoder = PoseEncoder([PoseSet(i) for i in ids])
decoder = PoseDecoder([PoseSet(i, set_states=3) for i in ids])
buf = bytearray(encoder.room)
values = [array("f", bytes(4 * s.size)) for s in encoder.sets]
time = bytearray(4)
sizes = 0
with open(sys.argv[4], "rb") as file:
    for t in range(count):
        if what == "encode":
            for v in values:
                file.readinto(v)
            time[2:] = (33 * t).to_bytes(2, "big")
            sizes += encoder.encode(values, time, buf)
        else:
            n = int.from_bytes(file.read(2), "big")
            packet = memoryview(buf)[:n]
            file.readinto(packet)
            assert decoder.decode(buf, 0, n) == FRAME
            sizes += n
print(sizes // count)
