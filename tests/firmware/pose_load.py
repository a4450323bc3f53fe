# Runs on MicroPython: encodes and decodes frames whose packets are as large as those of real recordings, for counting
# instructions (tools/count_pose_instructions.py).
# pose_load.py SET encode|decode|both|none FRAMES
import sys
from array import array

from posewire_fw.pose_decoder import PoseDecoder
from posewire_fw.pose_encoder import PoseEncoder
from posewire_fw.pose_sets import PoseSet

name, what, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
ids = {"body33": (1,), "holistic543": (1, 2, 3)}[name]
encoder = PoseEncoder([PoseSet(i) for i in ids])
decoder = PoseDecoder([PoseSet(i, slots=3) for i in ids])
buf = bytearray(encoder.room)
AMOUNT = 0.0026 if name == "body33" else 0.0006  # about 85 and 410 bytes a packet
noise = array("f", bytes(4 * 4096))
seed = 1
for i in range(4096):
    seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
    noise[i] = ((seed >> 12) & 1023) / 1023 - 0.5
frames = []
for t in range(4):
    frames.append(
        [
            array("f", [0.5 + 0.004 * t + AMOUNT * noise[(q * 7 + t * 1301) & 4095] for q in range(s.size)])
            for s in encoder.sets
        ]
    )
packets = []
for t in range(6):
    n = encoder.encode(frames[t & 3], (33 * t).to_bytes(4, "big"), buf)
    packets.append(bytes(buf[:n]))
print("packet", n)
if what == "decode":
    for p in packets[:2]:
        decoder.decode(p, 0, len(p))
time = bytearray(4)
t = 0
while t < count:
    if what == "encode":
        time[2:] = (300 + 33 * t).to_bytes(2, "big")
        encoder.encode(frames[t & 3], time, buf)
    elif what == "decode":
        # always the same delta: put the decoder back to where it applies
        p = packets[2]
        decoder.sequence = -1
        decoder._slot_seq[1] = 1
        decoder.decode(p, 0, len(p))
    t += 1
