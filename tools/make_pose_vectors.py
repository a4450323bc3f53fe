"""Regenerates ``tests/vectors/pose/*.json`` with the plain host codec, which is the reference.

    python tools/make_pose_vectors.py

Every implementation must produce the same packets from the same inputs and the same integers from the same packets.
Each file: the sets and encoder options, then steps. A step may hold: ``control`` (a packet for the encoder), ``values``
(per set: float32 little-endian in base64, or null) with ``time`` and the ``packet`` they become; ``drop`` (the decoder
does not get it); ``integers`` (what the decoder then holds; null where it refuses or has no pose yet). ``join``: a
packet (a relay's snapshot) for a second, new decoder, which from then on must agree with the first.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))

from posewire.errors import PoseError  # noqa: E402
from posewire.wire.pose import Control, PoseDecoder, PoseEncoder, PoseRelay, control, custom_set, landmark_set  # noqa: E402

OUT = ROOT / "tests/vectors/pose"
DATA = ROOT / "tests/data/pose"


def walk(rng: Any, frames: int, marks: int, channels: int, step: float, spread: float = 0.3) -> Any:
    """Landmarks that drift: smooth motion of the whole plus a little noise of each."""
    start = rng.uniform(-spread, spread, (marks, channels))
    body = np.cumsum(np.cumsum(rng.normal(0, step, (frames, 1, channels)), axis=0), axis=0)
    noise = rng.normal(0, step, (frames, marks, channels))
    return (start + body + noise).astype(np.float32)


def quats(rng: Any, frames: int, count: int) -> Any:
    q = np.zeros((frames, count, 4))
    now = rng.normal(size=(count, 4))
    speed = np.zeros((count, 4))
    for t in range(frames):
        speed = 0.9 * speed + rng.normal(0, 0.004, (count, 4))
        now = now + speed
        now /= np.linalg.norm(now, axis=1, keepdims=True)
        q[t] = now
    return q.astype(np.float32)


def vector(name: str, sets: list[Any], frames: list[dict[str, Any]], **options: Any) -> None:
    """Runs the reference over ``frames`` (values per set name, plus ``_control``, ``_drop``, ``_join``) and
    writes the file.
    """
    encoder = PoseEncoder(sets, **options)
    decoder, relay, late = PoseDecoder(), PoseRelay(), None
    steps = []
    for t, frame in enumerate(frames):
        step: dict[str, Any] = {"time": frame.get("_time", 33 * t)}
        if "_control" in frame:
            step["control"] = frame["_control"].hex()
            encoder.control(frame["_control"])
        if frame.get("_ack") and (ack := decoder.ack()) is not None:
            step["control"] = ack.hex()
            encoder.control(ack)
        values = {k: v for k, v in frame.items() if not k.startswith("_")}
        step["values"] = {
            k: None if v is None else base64.b64encode(np.asarray(v, "<f4").tobytes()).decode()
            for k, v in values.items()
        }
        packet = encoder.encode(values, step["time"])
        step["packet"] = packet.hex()
        if frame.get("_drop"):
            step["drop"] = True
        else:
            relay.feed(packet)
            try:
                got = decoder.decode(packet)
            except PoseError:
                got = None
            step["integers"] = None if got is None else {k: v.reshape(-1).tolist() for k, v in got.integers.items()}
            if got is not None:
                step["missing"] = {k: np.flatnonzero(np.isnan(v).any(1)).tolist() for k, v in got.values.items()}
            if late is not None and got is not None:
                again = late.decode(packet)
                assert again is not None
                assert all(np.array_equal(again.integers[k], got.integers[k]) for k in got.integers)
        if frame.get("_join"):
            snapshot = relay.snapshot()
            assert snapshot is not None
            step["join"] = snapshot.hex()
            late = PoseDecoder()
            late.decode(snapshot)
        steps.append(step)
    doc = {
        "name": name,
        "sets": [
            {
                "id": s.id,
                "name": s.name,
                "landmarks": s.landmarks,
                "bits": list(s.bits),
                "parents": list(s.parents),
            }
            for s in encoder.sets
        ],
        "options": options,
        "steps": steps,
    }
    (OUT / f"{name}.json").write_text(json.dumps(doc, separators=(",", ":")).replace('{"time"', '\n{"time"') + "\n")
    print(f"{name}: {len(steps)} packets, {sum(len(s['packet']) // 2 for s in steps)} bytes")


def recording(name: str) -> Any:
    with np.load(DATA / f"{name}.npz") as z:
        return z["data"]


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    body, hands, face = (
        recording("body_slp_viewer"),
        recording("hands_slp_viewer"),
        recording("face_slp_84322c"),
    )

    frames = [{"body33": v} for v in body[:24]]
    frames[9] = dict(frames[8])  # a duplicate: repeat packet
    frames[12]["_join"] = True
    frames[15]["_drop"] = True
    frames[18]["_control"] = control(Control.KEY_REQUEST, 3, 14)
    vector("body33", ["body33"], frames, stream=3)
    vector(
        "body33_every_6",
        [landmark_set("body33", (10, 10, 8, 6))],
        [{"body33": v} for v in body[30:50]],
        key_every=6,
    )

    frames = [
        {"body33": b, "hands42": None if np.isnan(h).all() else h}
        for b, h in zip(body[30:60], hands[30:60], strict=True)
    ]
    frames[10]["_join"] = True
    vector("body33_hands42", ["body33", "hands42"], frames, sequence=65530)

    v = walk(rng, 16, 17, 3, 0.004)
    v[4, 3:6] = np.nan
    v[5, 4:9] = np.nan
    v[6, 0, 1] = np.inf
    vector("coco17_missing", ["coco17"], [{"coco17": x, "_join": t == 5} for t, x in enumerate(v)])

    vector(
        "body33_layers",
        ["body33"],
        [{"body33": x, "_drop": t in (3, 7)} for t, x in enumerate(body[60:80])],
        layers=2,
    )
    vector("body33_refresh", ["body33"], [{"body33": x} for x in body[:28]], refresh=9)
    frames = [{"hand21": x} for x in walk(rng, 30, 21, 3, 0.002)]
    for t in (4, 9, 17, 26):
        frames[t]["_ack"] = True
    frames[20]["_drop"] = frames[21]["_drop"] = True
    vector("hand21_acknowledged", ["hand21"], frames, acknowledged=True)
    x = walk(rng, 40, 33, 4, 0.0004)
    x[12:20] += rng.normal(0, 0.05, x[12:20].shape).astype(np.float32)
    vector("world33_budget", ["world33"], [{"world33": v, "_join": t == 15} for t, v in enumerate(x)], budget=120)

    q = quats(rng, 24, 5)
    q[8, 2] = (0.5, 0.5, 0.5, 0.5)
    q[9, 2] = (0.5, -0.5, 0.5, -0.5)
    q[11, 4] *= -1
    q[14, 1] = np.nan
    vector("quat5", ["quat5"], [{"quat5": v, "_join": t == 10} for t, v in enumerate(q)])
    vector(
        "quat1_coarse",
        [landmark_set("quat1", (14,) * 4)],
        [{"quat1": v} for v in quats(rng, 12, 1)],
        coarse=3,
    )

    # A generator of its own: the vectors after this one stay what they were.
    q = quats(np.random.default_rng(2), 20, 4)
    for t, lengths in enumerate(np.geomspace((0.9, 1e-3, 1e-30, 1.0), (1.1, 1e3, 1e30, 1.0004), len(q))):
        q[t] *= lengths[:, np.newaxis].astype(np.float32)
    q[6, 0] = 0
    q[7, 1] = 1e-40
    q[9, 3] = (2, 0, 0, 0)
    q[10, 3] = (1e-39, 3e-38, -1e-38, 0)
    q[12, 2] = np.nan
    vector("quat4_lengths", ["quat4"], [{"quat4": v, "_join": t == 8} for t, v in enumerate(q)])
    vector("quat4_lengths_coarse", [landmark_set("quat4", (14,) * 4)], [{"quat4": v} for v in q[::2]], coarse=2)

    raw = np.cumsum(rng.integers(-400, 400, (20, 2, 3)), axis=0)
    raw[7] = 32767
    raw[8] = -32768
    vector("imu6", ["imu6"], [{"imu6": v.astype(np.float32)} for v in raw])

    topology = custom_set(7, (9, 11, 3, 0, -2), (-1, 0, 1, 1, 0, 4, -1))
    c = walk(rng, 16, 7, 5, 0.02) * np.float32([1, 0.2, 30, 300, 3000])
    c[6, 2] = np.nan
    c[12] *= 500
    vector("custom", [topology], [{"custom": v, "_join": t == 8} for t, v in enumerate(c.astype(np.float32))])
    vector("face478", ["face478"], [{"face478": v} for v in face[:4]])
    vector("face468_refresh", ["face468"], [{"face468": v[:468]} for v in face[4:13]], refresh=4)

    # Joints that turn until the component that is left out of them is small: each is sent anew within a delta packet.
    q = quats(np.random.default_rng(2), 12, 5)
    q[4:, 1] = np.roll(q[4:, 1], 1, axis=1)
    q[7:, 0] = np.roll(q[7:, 0], 2, axis=1)
    q[7:, 3] = np.roll(q[7:, 3], 3, axis=1)
    joints = [{"quat5": v, "_join": t == 5} for t, v in enumerate(q)]
    vector("quat5_jumps", ["quat5"], joints)
    # A receiver that comes after the key gets to know the landmarks a few with each packet.
    frames = [{"body33": v, "_drop": t < 4} for t, v in enumerate(body[:28])]
    vector("body33_refresh_joined", ["body33"], frames, refresh=9)


if __name__ == "__main__":
    main()
