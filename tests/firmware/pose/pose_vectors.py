# Runs on MicroPython: micropython pose_vectors.py FILE.json ...  Prints one line a file; raises where
# something differs.
import json
import sys
from array import array
from binascii import a2b_base64, unhexlify

from posewire_fw.pose_decoder import FRAME, PoseDecoder
from posewire_fw.pose_encoder import PoseEncoder
from posewire_fw.pose_sets import PoseSet


def make(doc, states):
    out = []
    for s in doc["sets"]:
        out.append(PoseSet(s["id"], s["landmarks"], tuple(s["bits"]), s["parents"] or None, states))
        out[-1].raw = False
    return out


def compare(decoder, sets, step, name):
    want = step["integers"]
    for k, s in enumerate(decoder.sets):
        n = next(d["name"] for d in sets if d["id"] == s.id)
        assert decoder.present(k) == (n in want), (name, n)
        if n in want:
            got = list(decoder.integers(k))
            for i in step["missing"][n]:
                got[i * s.wide : (i + 1) * s.wide] = [0] * s.wide
            assert got == want[n], (
                name,
                n,
                [(i, a, b) for i, (a, b) in enumerate(zip(got, want[n])) if a != b][:5],
            )
            out = array("f", bytes(4 * s.size))
            decoder.values(k, out)
            gone = [i for i in range(s.marks) if out[i * s.wide] != out[i * s.wide]]
            assert gone == step["missing"][n]


for path in sys.argv[1:]:
    with open(path) as f:
        doc = json.load(f)
    options = doc["options"]
    if options.get("budget") is None:
        options.pop("budget", None)
    encoder = PoseEncoder(make(doc, 3 if options.get("acknowledged") else 2), **options)
    decoder = PoseDecoder()
    late = None
    buf = bytearray(encoder.room + 7)
    for t, step in enumerate(doc["steps"]):
        name = (doc["name"], t)
        if "control" in step:
            c = unhexlify(step["control"])
            assert encoder.control(c, 0, len(c)), name
        values = []
        for s in doc["sets"]:
            v = step["values"].get(s["name"])
            values.append(None if v is None else array("f", a2b_base64(v)))
        size = encoder.encode(values, step["time"].to_bytes(4, "big"), buf, 7)
        packet = unhexlify(step["packet"])
        assert bytes(buf[7 : 7 + size]) == packet, (name, bytes(buf[7 : 7 + size]).hex(), step["packet"])
        if not step.get("drop"):
            got = decoder.decode(packet, 0, len(packet)) == FRAME
            assert got == (step["integers"] is not None), name
            if got:
                compare(decoder, doc["sets"], step, name)
            if late is not None and got:
                assert late.decode(packet, 0, len(packet)) == FRAME, name
                compare(late, doc["sets"], step, ("late", name))
        if "join" in step:
            late = PoseDecoder()
            snap = unhexlify(step["join"])
            assert late.decode(snap, 0, len(snap)) == FRAME, name
            if step["integers"] is not None:
                compare(late, doc["sets"], step, ("join", name))
    print("ok", doc["name"])
