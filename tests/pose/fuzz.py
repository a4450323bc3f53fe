"""Damaged, dropped, reordered and forged packets against the decoder.

    python tests/pose/fuzz.py [COUNT] [SEED]      COUNT mutated packets (default 1 000 000)

A frame that the decoder shows must be, integer for integer, what was encoded under its sequence number. Packets with a
correct check but nonsense inside (which only a malicious peer sends) must be refused or decoded without anything but
``PoseError``.
"""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from posewire.errors import PoseError
from posewire.wire.pose import PoseDecoder, PoseEncoder, PoseRelay, custom_set
from posewire.wire.pose.packet import seal

FRAMES = 80


@dataclass(slots=True)
class Tally:
    mutated: int = 0
    shown: int = 0
    refused: int = 0
    wrong: int = 0
    forged: int = 0
    forged_shown: int = 0


def stream(rng: np.random.Generator, compiled: bool) -> tuple[list[bytes], dict[int, Any], list[bytes]]:
    """Packets of a random stream, the truth by sequence number, and snapshots of a relay."""
    kind = rng.integers(0, 6)
    options: dict[str, Any] = [
        {},
        {"key_every": 7},
        {"layers": 2},
        {"refresh": 9},
        {"budget": 60},
        {"acknowledged": True},
    ][rng.integers(0, 6)]
    sets: Any = [
        "body33",
        ["coco17", "hand21"],
        "quat3",
        "imu6",
        custom_set(6, (8, 8, 8), (-1, 0, 1, 1, 0, 4)),
        "hands42",
    ][kind]
    if kind == 2:
        options.pop("refresh", None)
    encoder = PoseEncoder(sets, compiled=compiled, sequence=int(rng.integers(0, 65536)), **options)
    decoder, relay = PoseDecoder(compiled=compiled), PoseRelay(compiled=compiled)
    start = {s.name: rng.normal(0, 0.3, (s.landmarks, s.channels)) for s in encoder.sets}
    packets, truth, snapshots = [], {}, []
    last: dict[str, Any] = {}
    for t in range(FRAMES):
        values: dict[str, Any] = {}
        for s in encoder.sets:
            start[s.name] += rng.normal(0, 0.01, start[s.name].shape)
            v = start[s.name].copy()
            if s.name == "imu6":
                v *= 1000
            if s.is_quaternion:
                v /= np.linalg.norm(v, axis=1, keepdims=True)
            if rng.random() < 0.05:
                v[rng.integers(0, len(v))] = np.nan
            values[s.name] = None if rng.random() < 0.03 and len(encoder.sets) > 1 else v.astype(np.float32)
        if t > 1 and rng.random() < 0.05:
            packet = encoder.encode(last, 33 * t)
        else:
            packet = encoder.encode(values, 33 * t)
            last = values
        frame = decoder.decode(packet)
        relay.feed(packet)
        if frame is None:
            raise AssertionError("an intact stream must decode")
        if options.get("acknowledged") and t % 4 == 3 and (ack := decoder.ack()) is not None:
            encoder.control(ack)
        packets.append(packet)
        truth[frame.sequence] = (frame.time_ms, frame.integers, frame.values)
        if t % 20 == 19:
            snapshots.append(relay.snapshot() or b"")
    return packets, truth, snapshots


def mutate(rng: np.random.Generator, packet: bytes, other: bytes) -> bytes:
    """One packet, damaged in one of the ways that links and programs damage packets."""
    p = bytearray(packet)
    how = rng.integers(0, 8)
    if how == 0:
        for _ in range(rng.integers(1, 4)):
            p[rng.integers(0, len(p))] ^= 1 << rng.integers(0, 8)
    elif how == 1:
        p[rng.integers(0, len(p))] = rng.integers(0, 256)
    elif how == 2:
        del p[rng.integers(0, len(p)) :]
    elif how == 3:
        p += rng.bytes(int(rng.integers(1, 9)))
    elif how == 4:  # the header only
        p[rng.integers(0, min(len(p), 13))] = rng.integers(0, 256)
    elif how == 5:  # the head of one, the tail of another
        cut = int(rng.integers(0, min(len(p), len(other)) + 1))
        p = bytearray(packet[:cut] + other[cut:])
    elif how == 6:
        a, b = sorted(rng.integers(0, len(p) + 1, 2))
        p[a:b] = rng.bytes(int(b - a))
    else:
        a, b = sorted(rng.integers(0, len(p) + 1, 2))
        del p[a:b]
    return bytes(p)


def check(decoder: PoseDecoder, packet: bytes, truth: dict[int, Any], tally: Tally) -> None:
    try:
        frame = decoder.decode(packet)
    except PoseError:
        tally.refused += 1
        return
    if frame is None:
        return
    tally.shown += 1
    true = truth.get(frame.sequence)
    if (
        true is None
        or true[0] != frame.time_ms
        or true[1].keys() != frame.integers.keys()
        or any(not np.array_equal(true[1][k], frame.integers[k]) for k in true[1])
        or any(not np.array_equal(true[2][k], frame.values[k], equal_nan=True) for k in true[2])
    ):
        tally.wrong += 1


def run(count: int, seed: int, compiled: bool) -> Tally:
    """``count`` mutated packets, and as many intact ones around them."""
    rng = np.random.default_rng(seed)
    tally = Tally()
    while tally.mutated < count:
        packets, truth, snapshots = stream(rng, compiled)
        for _ in range(25):
            decoder = PoseDecoder(compiled=compiled)
            order = list(range(FRAMES))
            if rng.random() < 0.5:  # reordering and duplicates
                for _ in range(6):
                    a = int(rng.integers(0, FRAMES - 3))
                    order[a : a + 3] = rng.permutation(order[a : a + 3]).tolist()
                order.insert(int(rng.integers(0, FRAMES)), int(rng.integers(0, FRAMES)))
            for t in order:
                draw = rng.random()
                if draw < 0.5:
                    check(decoder, mutate(rng, packets[t], packets[int(rng.integers(0, FRAMES))]), truth, tally)
                    tally.mutated += 1
                if draw < 0.9:
                    check(decoder, packets[t], truth, tally)
                if rng.random() < 0.01:
                    snapshot = snapshots[int(rng.integers(0, len(snapshots)))]
                    check(decoder, snapshot if draw < 0.7 else mutate(rng, snapshot, packets[t]), truth, tally)
        # forged: nonsense under a correct check; may decode, must not do anything else
        decoder = PoseDecoder(compiled=compiled)
        for t in range(FRAMES):
            source = snapshots[t % len(snapshots)] if t % 5 == 0 else packets[t]
            reference = decoder.reference
            seed_ = reference.check if reference is not None and t % 2 else 0
            forged = seal(mutate(rng, source, packets[0])[:-4], seed_)[0]
            tally.forged += 1
            with contextlib.suppress(PoseError):
                tally.forged_shown += decoder.decode(forged) is not None
    return tally


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    try:
        import numba  # noqa: F401

        compiled = True
    except ImportError:
        compiled = False
    started = time.perf_counter()
    tally = run(count, seed, compiled)
    print(f"{tally} in {time.perf_counter() - started:.0f} s, {'compiled' if compiled else 'plain'}")
    sys.exit(1 if tally.wrong else 0)


if __name__ == "__main__":
    main()
