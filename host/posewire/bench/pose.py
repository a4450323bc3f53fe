"""``posewire bench pose``: how many bytes and microseconds poses cost, against what people use today."""

from __future__ import annotations

import argparse
import json
import math
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from posewire.errors import ConfigError, PoseError
from posewire.progress import meanwhile
from posewire.terminal import show_json, show_text, warn
from posewire.wire.pose import LandmarkSet, PoseDecoder, PoseEncoder, landmark_set
from posewire.wire.pose.grid import quantise
from posewire.wire.pose.recording import Recording, load_recording
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.warm import warm

QUATERNION_BOUND = 2.3  # steps, of the component that follows from the other three (docs/pose-packet.md section 2)
SHORTEST_RUN = 20  # frames of an unbroken hand that are worth measuring


@dataclass(slots=True)
class Row:
    """One file and set. Sizes in bytes a frame, ``payload``: entropy-coded bytes, ``packet``: all of the packet."""

    file: str
    set: str
    frames: int
    fps: float
    payload_mean: float = 0.0
    payload_p99: float = 0.0
    packet_mean: float = 0.0
    packet_p99: float = 0.0
    kbit_s: float = 0.0
    max_error_steps: float = 0.0
    bound_steps: float = 0.5
    coarse_mean: float = 0.0
    rms_error: float = 0.0
    max_error: float = 0.0
    max_error_degrees: float | None = None
    encode_us: float = 0.0
    decode_us: float = 0.0
    json_zlib_mean: float = 0.0
    delta_zlib_mean: float = 0.0
    varint_delta_mean: float = 0.0
    float32_mean: float = 0.0
    entropy_mean: float = 0.0
    ratios: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Job:
    """Frames to encode (set name → array or None) of one or several sets."""

    name: str
    sets: list[LandmarkSet]
    frames: list[dict[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``posewire bench pose``."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE.npz",
        help="recordings: data (frames, landmarks, channels), fps, kind",
    )
    parser.add_argument("--bits", type=int, default=12, help="bits of x and y (default 12; z has two fewer)")
    parser.add_argument(
        "--key-every",
        type=int,
        default=60,
        metavar="N",
        help="a key packet every N frames (default 60, 0: only the first)",
    )
    parser.add_argument(
        "--no-refresh",
        action="store_true",
        help="key packets for faces too, instead of renewing landmarks in turn",
    )
    parser.add_argument(
        "--budget", type=int, metavar="BYTES", help="rate control: no packet larger, at larger steps where needed"
    )
    parser.add_argument("--compiled", action="store_true", help="the compiled path (needs the extra 'fast')")
    parser.add_argument("--json", action="store_true", help="print one JSON list of objects instead of a table")


def run(args: argparse.Namespace) -> int:
    """Measures and prints; 0, or 1 when no file could be measured or an error is above its bound."""
    rows: list[Row] = []
    for path in args.files:
        try:
            with meanwhile(path.name) as progress:
                for job, recording in jobs(path, args.bits):
                    progress.show(0, job.name)
                    rows.append(measure(job, recording, args))
        except ImportError:
            raise ConfigError("--compiled needs numba: pip install 'posewire[fast]'") from None
        except (PoseError, OSError, KeyError, ValueError) as error:
            warn(f"{path}: {error}")
    if args.json:
        show_json([asdict(r) for r in rows], 1)
    elif rows:
        show_text(table(rows))
    over = [r for r in rows if r.max_error_steps > r.bound_steps]
    for r in over:
        warn(f"{r.file} {r.set}: an error of {r.max_error_steps} steps, above {r.bound_steps}")
    return 0 if rows and not over else 1


def jobs(path: Path, bits: int) -> Iterator[tuple[Job, Recording]]:
    """The sets in a recording: hands one by one in their longest unbroken run, a holistic one as a stream of
    three sets.
    """
    rec = load_recording(path, bits)
    name = rec.sets[0].name
    if name == "hands42" and len(rec.sets) == 1:
        for side, label in ((0, "hand21 left"), (1, "hand21 right")):
            data = rec.frames["hands42"][:, 21 * side : 21 * side + 21]
            first, last = longest_run(~np.isnan(data).any((1, 2)))
            if last - first >= SHORTEST_RUN:
                spec = landmark_set("hand21", rec.sets[0].bits)
                yield Job(label, [spec], [{"hand21": v} for v in data[first:last]]), rec
    frames = [{s.name: present(rec.frames[s.name][t]) for s in rec.sets} for t in range(rec.length)]
    yield Job(rec.kind, rec.sets, frames), rec


def present(values: Any) -> Any:
    """None for a set without any landmark."""
    return None if np.isnan(values).all() else values


def longest_run(good: Any) -> tuple[int, int]:
    """First and last (exclusive) index of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], good.astype(int), [0]))))
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    first, last = max(runs, key=lambda r: r[1] - r[0], default=(0, 0))
    return int(first), int(last)


def measure(job: Job, rec: Recording, args: argparse.Namespace) -> Row:
    """One job: sizes, errors and times of the codec, sizes of the baselines."""
    compiled = bool(args.compiled)
    face = any(s.name.startswith("face") for s in job.sets) and not args.no_refresh
    options: dict[str, Any] = {"refresh": args.key_every} if face else {"key_every": args.key_every}
    options["budget"] = args.budget
    if compiled:  # compile before the clock runs
        warm()
    encoder, decoder = PoseEncoder(job.sets, compiled=compiled, **options), PoseDecoder(compiled=compiled)
    stamps = [round(1000 * t / rec.fps) for t in range(len(job.frames))]
    levels = []
    started = time.thread_time()
    packets = [encoder.encode(frame, t) for frame, t in zip(job.frames, stamps, strict=True)]
    encoded = time.thread_time()
    decoded = [decoder.decode(p) for p in packets]
    done = time.thread_time()
    encoder = PoseEncoder(job.sets, compiled=compiled, **options)
    for frame, t in zip(job.frames, stamps, strict=True):
        encoder.encode(frame, t)
        levels.append(encoder.coarse)
    row = Row(rec.name, job.name, len(packets), round(rec.fps, 3))
    payload, row.entropy_mean = payload_and_entropy(job, stamps, options)
    sizes = np.array([len(p) for p in packets])
    row.payload_mean, row.payload_p99 = float(payload.mean()), float(np.percentile(payload, 99))
    row.packet_mean, row.packet_p99 = float(sizes.mean()), float(np.percentile(sizes, 99))
    row.kbit_s = row.packet_mean * 8 * rec.fps / 1000
    row.encode_us = (encoded - started) / len(packets) * 1e6
    row.decode_us = (done - encoded) / len(packets) * 1e6
    row.coarse_mean = float(np.mean(levels))
    errors(row, job, decoded, levels)
    baselines(row, job, args.key_every)
    row.ratios = {
        name: round(getattr(row, f"{name}_mean") / row.payload_mean, 2)
        for name in ("json_zlib", "delta_zlib", "varint_delta", "float32", "entropy")
    }
    return row


def payload_and_entropy(job: Job, stamps: list[int], options: dict[str, Any]) -> tuple[Any, float]:
    """Entropy-coded bytes of each frame, and the bound: the same residuals at the entropy of their contexts.

    The bound knows the statistics of each context in this very recording (which no coder does); signs and raw
    bits count
    as they are.
    """
    encoder = PoseEncoder(job.sets, compiled=None, **options)
    payload = np.zeros(len(job.frames))
    counts: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    raw = 0.0
    for t, frame in enumerate(job.frames):
        for s in job.sets:
            encoder.coder(s.id).payload = encoder.coder(s.id).coded = 0
        encoder.encode(frame, stamps[t])
        for s in job.sets:
            coder: SetCoder = encoder.coder(s.id)
            payload[t] += coder.payload
            for r, context in zip(*coder.residuals(), strict=True):
                low = 0 if context < 14 else (context - 12) >> 1
                v = abs(r) >> low
                counts[s.id, context if context < 14 else 12 + (context & 1)][min(v, 31)] += 1
                raw += low + (1 if r else 0)
                if v >= 31:
                    raw += 4 + math.log2(v - 30)
    bits = raw
    for c in counts.values():
        total = sum(c.values())
        bits -= sum(n * math.log2(n / total) for n in c.values())
    return payload, bits / 8 / len(job.frames)


def errors(row: Row, job: Job, decoded: list[Any], levels: list[int]) -> None:
    """Largest and RMS error, in the steps of each packet; of quaternions also as an angle, the sign aside."""
    steps: list[float] = []
    squares, count, largest, angle = 0.0, 0, 0.0, 0.0
    for frame, got, coarse in zip(job.frames, decoded, levels, strict=True):
        for s in job.sets:
            v = frame[s.name]
            if v is None:
                continue
            want = np.asarray(v, np.float64)
            have = got.values[s.name].astype(np.float64)
            if s.is_quaternion:
                flip = np.sign((want * have).sum(1, keepdims=True))
                have = have * flip
                gap = np.linalg.norm(
                    want / np.linalg.norm(want, axis=1, keepdims=True)
                    - have / np.linalg.norm(have, axis=1, keepdims=True),
                    axis=1,
                )
                angle = max(angle, float(np.degrees(4 * np.arcsin(gap / 2)).max()))
            diff = np.abs(want - have)
            there = ~np.isnan(want).any(1)
            if not np.array_equal(there, ~np.isnan(have).any(1)):
                raise PoseError("a landmark came or went")
            diff = diff[there]
            steps.append(float((diff * np.exp2(np.array(s.bits, np.float64) - coarse)).max(initial=0)))
            squares += float((diff**2).sum())
            count += diff.size
            largest = max(largest, float(diff.max()))
    row.max_error_steps = max(steps)
    row.rms_error = math.sqrt(squares / count)
    row.max_error = largest
    if any(s.is_quaternion for s in job.sets):
        row.max_error_degrees = angle
        row.bound_steps = QUATERNION_BOUND


def baselines(row: Row, job: Job, key_every: int) -> None:
    """JSON + zlib, quantise + delta + zlib, quantise + delta + varint, float32: mean bytes a frame."""
    sums = dict.fromkeys(("json_zlib", "delta_zlib", "varint_delta", "float32"), 0)
    last: Any = None
    for t, frame in enumerate(job.frames):
        there = [(s, frame[s.name]) for s in job.sets if frame[s.name] is not None]
        text = json.dumps(
            {
                s.name: [dict(zip("xyzvabcd", p, strict=False)) for p in np.asarray(v).astype(float).tolist()]
                for s, v in there
            }
        )
        grid = np.concatenate([quantise(v, s, 0)[0] for s, v in there]) if there else np.zeros(0, np.int64)
        fresh = last is None or len(last) != len(grid) or (key_every and t % key_every == 0)
        delta = grid if fresh else grid - last
        last = grid
        sums["json_zlib"] += len(zlib.compress(text.encode(), 6))
        sums["delta_zlib"] += len(zlib.compress(delta.astype("<i2").tobytes(), 6))
        zigzag = np.where(delta >= 0, 2 * delta, -2 * delta - 1)
        sums["varint_delta"] += int((1 + (zigzag > 127) + (zigzag > 16383)).sum())
        sums["float32"] += 4 * len(grid)
    for name, total in sums.items():
        setattr(row, f"{name}_mean", total / len(job.frames))


def table(rows: list[Row]) -> str:
    """All rows, and the mean of each set."""
    head = (
        f"{'file':24} {'set':14} {'frames':>6} {'payload':>8} {'p99':>6} {'packet':>7} {'p99':>6} "
        f"{'coarse':>6} {'kbit/s':>7} {'err':>6} "
        f"{'rms':>9} {'enc us':>7} {'dec us':>7} {'json+z':>7} {'d+zlib':>7} {'varint':>7} {'f32':>6} "
        f"{'entropy':>8} {'gap':>6}"
    )
    out = [head]
    groups: dict[str, list[Row]] = defaultdict(list)
    for r in rows:
        groups[r.set.split()[0]].append(r)
        out.append(line(r.file, r.set, r.frames, [r]))
    out.append("")
    out.append("mean of the recordings of a set")
    out += [line("", name, sum(r.frames for r in g), g) for name, g in groups.items()]
    return "\n".join(out)


def line(file: str, name: str, frames: int, rows: list[Row]) -> str:
    def mean(key: str) -> float:
        return float(np.mean([getattr(r, key) for r in rows]))

    gap = float(np.mean([r.payload_mean / r.entropy_mean - 1 for r in rows])) * 100
    return (
        f"{file:24} {name:14} {frames:6} {mean('payload_mean'):8.2f} {mean('payload_p99'):6.0f} "
        f"{mean('packet_mean'):7.1f} {mean('packet_p99'):6.0f} "
        f"{mean('coarse_mean'):6.2f} {mean('kbit_s'):7.1f} {max(r.max_error_steps for r in rows):6.3f} "
        f"{mean('rms_error'):9.2g} {mean('encode_us'):7.0f} {mean('decode_us'):7.0f} "
        f"{mean('json_zlib_mean'):7.0f} {mean('delta_zlib_mean'):7.0f} {mean('varint_delta_mean'):7.0f} "
        f"{mean('float32_mean'):6.0f} {mean('entropy_mean'):8.2f} {gap:5.1f}%"
    )
