# Runs on MicroPython: pose_agreement.py CASES.json  Shows exactly what the reference shows.
import json
import sys
from binascii import unhexlify

from posewire_fw.pose_decoder import FRAME, PoseDecoder
from posewire_fw.pose_sets import IDS

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
            name = "quat%d" % s.marks if s.quat else next(key for key, ident in IDS.items() if ident == s.id)
            assert decoder.present(k) == (name in want), where
            if name in want:
                got = list(decoder.integers(k))
                slot = s.slots[decoder._shown]
                for i in range(s.marks):
                    if not slot.valid[i]:
                        got[i * s.wide : (i + 1) * s.wide] = [0] * s.wide
                assert got == want[name], where
print("ok")
