# Runs on MicroPython: pose_agreement.py CASES.json  Shows exactly what the reference shows.
import json
import sys
from binascii import unhexlify

from posewire_fw.pose_decoder import FRAME, PoseDecoder

NAMES = {1: "body33", 2: "hands42", 3: "face468", 4: "face478", 5: "world33", 6: "coco17", 8: "imu6", 10: "hand21"}
NAMES[0], NAMES[11] = "custom", "hand21_right"

with open(sys.argv[1]) as f:
    cases = json.load(f)
for n, steps in enumerate(cases):
    decoder = PoseDecoder()
    for t, (text, want) in enumerate(steps):
        packet = unhexlify(text)
        result = decoder.decode(packet, 0, len(packet))
        where = (n, t, result, text)
        assert (result == FRAME) == (want is not None), where
        if want is None:
            continue
        for k, s in enumerate(decoder.sets):
            name = "quat%d" % s.marks if s.quat else NAMES[s.id]
            assert decoder.present(k) == (name in want), where
            if name in want:
                got = list(decoder.integers(k))
                state = s.set_states[decoder._shown]
                for i in range(s.marks):
                    if not state.valid[i]:
                        got[i * s.wide : (i + 1) * s.wide] = [0] * s.wide
                assert got == want[name], where
print("ok")
