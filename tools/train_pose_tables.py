"""Regenerates the trained tables of the pose codec from recordings.

    python tools/train_pose_tables.py DIRECTORY

Only the recordings named in ``TRAINING`` are used; every other one is for measuring. Writes
``host/posewire/wire/pose/trained/tables.py``, ``docs/pose-tables.json`` (the normative form), the firmware's tables
and the module ``host/posewire/web/client/pose/tables.js``. The numbers depend on nothing but the recordings.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))
TABLES_PY = ROOT / "host/posewire/wire/pose/trained/tables.py"

TRAINING = ("slp_0ff215", "slp_viewer", "slp_mp170")

# Hand-made trees: (landmark, reference), parents first.
BODY = [
    (11, None),
    (12, 11),
    (0, 12),
    (24, 12),
    (23, 24),
    (13, 11),
    (14, 12),
    (15, 13),
    (16, 14),
    (25, 23),
    (26, 24),
    (27, 25),
    (28, 26),
    (2, 0),
    (5, 0),
    (1, 2),
    (3, 2),
    (4, 5),
    (6, 5),
    (7, 3),
    (8, 6),
    (9, 0),
    (10, 9),
    (17, 15),
    (19, 15),
    (21, 15),
    (18, 16),
    (20, 16),
    (22, 16),
    (29, 27),
    (31, 29),
    (30, 28),
    (32, 30),
]
HAND = [
    (0, None),
    (9, 0),
    (5, 9),
    (17, 9),
    (13, (9, 17)),
    (1, (0, 5)),
    (2, 1),
    (3, 2),
    (4, 3),
    (6, 5),
    (7, 6),
    (8, 7),
    (10, 9),
    (11, 10),
    (12, 11),
    (14, 13),
    (15, 14),
    (16, 15),
    (18, 17),
    (19, 18),
    (20, 19),
]
COCO = [
    (5, None),
    (6, 5),
    (0, 6),
    (12, 6),
    (11, 12),
    (7, 5),
    (8, 6),
    (9, 7),
    (10, 8),
    (13, 11),
    (14, 12),
    (15, 13),
    (16, 14),
    (1, 0),
    (2, 0),
    (3, 1),
    (4, 2),
]
COCO_IN_BODY = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28]
IRIS = [
    (468, (33, 133, 159)),
    (469, (468,)),
    (470, (468,)),
    (471, (468,)),
    (472, (468,)),
    (473, (362, 263, 386)),
    (474, (473,)),
    (475, (473,)),
    (476, (473,)),
    (477, (473,)),
]
BITS = {
    "body33": (12, 12, 10, 6),
    "world33": (10, 10, 10, 6),
    "hand21": (12, 12, 10),
    "face478": (12, 12, 10),
    "coco17": (12, 12, 6),
}

Order = list[tuple[int, tuple[int, ...]]]


def tree(pairs: list[tuple[int, int | tuple[int, ...] | None]]) -> Order:
    return [(i, () if p is None else p if isinstance(p, tuple) else (p,)) for i, p in pairs]


def quantise(d: Any, bits: tuple[int, ...]) -> Any:
    v = d.astype(np.float64) * np.exp2(bits[: d.shape[2]])
    return (np.sign(v) * np.floor(np.abs(v) + 0.5)).astype(np.int64)


def recordings(folder: Path, prefix: str) -> list[Any]:
    out = []
    for f in sorted(folder.glob(prefix + "*.npz")):
        if any(t in f.name for t in TRAINING):
            with np.load(f) as z:
                out.append(z["data"])
    return out


def spread_order(shape: Any, refs: int = 3) -> Order:
    """Farthest point first, each predicted from the nearest ones before it: coarse to fine over the face."""
    dist = np.linalg.norm(shape[:, None] - shape[None], axis=-1)
    first = int(np.argmin(np.linalg.norm(shape - shape.mean(0), axis=1)))
    order, gap = [first], dist[first].copy()
    out: Order = [(first, ())]
    for _ in range(len(shape) - 1):
        gap[order] = -1
        nxt = int(np.argmax(gap))
        near = [order[k] for k in np.argsort(dist[nxt, order], kind="stable")[:refs]]
        out.append((nxt, tuple(near)))
        order.append(nxt)
        gap = np.minimum(gap, dist[nxt])
    return out


def pack_scale(values: Any) -> list[int]:
    """Q4 scale → nearest quarter-octave byte (the inverse of ``unpack_scale``)."""
    grid = np.array([max(2, ((4 + (b & 3)) << (b >> 2)) >> 2) for b in range(60)], float)
    v = np.clip(np.asarray(values, float), 2, 32767)
    return [int(np.argmin(np.abs(np.log(grid) - np.log(x)))) for x in v.reshape(-1)]


class Run:
    """Pushes one recording through the core with given start values; counts symbols and remembers residuals."""

    def __init__(self, order: Order, channels: int) -> None:
        self.landmarks, self.channels = len(order), channels
        self.order = [
            v for i, r in order for v in (i * channels, len(r), *(q * channels for q in r), *([0] * (3 - len(r))))
        ]
        self.values = np.array([i * channels + c for i, _ in order for c in range(channels)])

    def push(
        self, x: Any, start: tuple[Any, Any, Any, Any], every_key: int, counts: Any = None
    ) -> tuple[Any, Any, Any]:
        """Mean |residual| in Q4 per value of delta frames and of key frames, and the mean weight.

        ``start``: template, intra scale, scale and weight of each value.
        """
        from posewire.wire.pose.core.model import CONTEXT, DELTA, INTRA, RESIDUAL, SCALE, WEIGHT, Frame
        from posewire.wire.pose.kernel import CompiledKernel

        kernel = CompiledKernel()
        model = kernel.model(self.landmarks, self.channels, self.order, start, x.shape[1] * x.shape[2], 0)
        x = x.reshape(len(x), -1)
        size = x.shape[1]
        valid = np.ones(self.landmarks, np.int64)
        residuals, contexts = model.scratch[RESIDUAL], model.scratch[CONTEXT]
        scale, weight = model.start[SCALE].copy(), model.start[WEIGHT].copy()
        new_scale, new_weight = scale.copy(), weight.copy()
        sums = [np.zeros(size), np.zeros(size)]
        frames = [0, 0]
        weights = np.zeros(size)
        for t in range(len(x)):
            key = t == 0 or bool(every_key and t % every_key == 0)
            action = np.full(self.landmarks, INTRA if key else DELTA, np.int64)
            before = x[max(t - 1, 0)]
            frame = Frame(action, key, valid, x[t], before, scale, weight, new_scale, new_weight)
            kernel.functions.encode_residuals(model, frame)
            sums[key][self.values] += np.abs(residuals)
            frames[key] += 1
            scale, new_scale, weight, new_weight = new_scale, scale, new_weight, weight
            weights += weight
            if counts is not None:
                low_bits = np.where(contexts < 14, 0, (contexts - 12) >> 1)
                row = np.where(contexts < 14, contexts, 12 + (contexts & 1))
                np.add.at(counts, (row, np.minimum(np.abs(residuals) >> low_bits, 31)), 100.0 / size)
        return sums[0] * 16 / max(frames[0], 1), sums[1] * 16 / max(frames[1], 1), weights / len(x)


def learn(order: Order, sequences: list[Any], channels: int, weights: bool) -> dict[str, Any]:
    """Template, scales and weights of one set, all ``channels`` wide; recordings with fewer channels teach the
    channels they have.
    """
    landmarks = len(order)
    template = np.zeros((landmarks, channels))
    for c in range(channels):
        have = [s for s in sequences if s.shape[2] > c]
        template[:, c] = np.mean([(s[:, :, c] - s[:, :, c].mean(1, keepdims=True)).mean(0) for s in have], axis=0)
    scale, intra, weight, seen = (
        np.zeros((landmarks, channels)),
        np.zeros((landmarks, channels)),
        np.zeros((landmarks, channels)),
        np.zeros(channels),
    )
    for s in sequences:
        ch = s.shape[2]
        run = Run(order, ch)
        n = landmarks * ch
        start = (np.round(template[:, :ch]).reshape(-1), np.full(n, 384), np.full(n, 64), np.full(n, 64))
        delta, _, w = run.push(s, start, 0)
        _, key, _ = run.push(s, start, 1)
        scale[:, :ch] += np.log(np.maximum(delta, 2)).reshape(landmarks, ch)
        intra[:, :ch] += key.reshape(landmarks, ch)
        weight[:, :ch] += w.reshape(landmarks, ch)
        seen[:ch] += 1
    scale, intra, weight = np.exp(scale / seen), intra / seen, weight / seen
    floor = 0.5 * np.exp(np.log(np.maximum(intra, 16)).mean(0))  # few people: no landmark is as sure as it looks
    intra = np.maximum(intra, floor)
    return {
        "template": [int(v) for v in np.round(template).reshape(-1)],
        "intra_scale": pack_scale(intra),
        "scale": pack_scale(scale),
        "weight": [int(v) for v in np.round(weight).reshape(-1)] if weights else [64] * (landmarks * channels),
    }


def normalise(counts: Any) -> list[list[int]]:
    """Counts → frequencies that sum to 4096, none zero."""
    out = []
    for row in counts:
        p = (row + 0.01) / (row + 0.01).sum()
        f = np.maximum(1, np.floor(p * 4096)).astype(int)
        while f.sum() != 4096:
            err = p * 4096 / f
            k = int(np.argmax(err)) if f.sum() < 4096 else int(np.argmin(np.where(f > 1, err, np.inf)))
            f[k] += 1 if f.sum() < 4096 else -1
        out.append([int(v) for v in f])
    return out


def hands_of(data: Any) -> list[Any]:
    out = []
    for h in (0, 1):
        x = data[:, 21 * h : 21 * h + 21]
        x = x[~np.isnan(x).any((1, 2))]
        if len(x) > 20:
            out.append(x)
    return out


def train(folder: Path) -> tuple[list[list[int]], dict[str, dict[str, Any]]]:
    faces = [d[:, :468] for d in recordings(folder, "face_") if d.shape[1] >= 468]
    shape = np.mean([np.nanmean(d - d.mean(1, keepdims=True), axis=0) for d in faces], axis=0)
    data: dict[str, tuple[Order, list[Any]]] = {
        "body33": (tree(BODY), [quantise(d, BITS["body33"]) for d in recordings(folder, "body_")]),
        "world33": (tree(BODY), [quantise(d, BITS["world33"]) for d in recordings(folder, "world_")]),
        "hand21": (
            tree(HAND),
            [quantise(x, BITS["hand21"]) for d in recordings(folder, "hands_") for x in hands_of(d)],
        ),
        "face478": (spread_order(shape), [quantise(d, BITS["face478"]) for d in faces]),
    }
    sets: dict[str, dict[str, Any]] = {}
    counts = np.zeros((2, 14, 32))  # general, faces
    for name, (order, seqs) in data.items():
        ch = len(BITS[name])
        t = learn(order, seqs, ch, weights=name != "face478")
        sets[name] = {
            "channels": ch,
            "bits": list(BITS[name]),
            "order": [i for i, _ in order],
            "refs": [list(r) for _, r in order],
            **t,
        }
        for s in seqs:
            cols = np.array([i * ch + c for i in range(len(order)) for c in range(s.shape[2])])
            scales = [
                np.array([max(2, ((4 + (b & 3)) << (b >> 2)) >> 2) for b in t[k]])[cols]
                for k in ("intra_scale", "scale")
            ]
            Run(order, s.shape[2]).push(
                s,
                (np.array(t["template"])[cols], scales[0], scales[1], np.array(t["weight"])[cols]),
                60,
                counts[int(name == "face478")],
            )
    body = sets["body33"]
    pick = [i * 4 + c for i in COCO_IN_BODY for c in (0, 1, 3)]
    sets["coco17"] = {
        "channels": 3,
        "bits": list(BITS["coco17"]),
        "order": [i for i, _ in COCO],
        "refs": [[] if p is None else [p] for _, p in COCO],
        **{k: [body[k][q] for q in pick] for k in ("template", "intra_scale", "scale", "weight")},
    }
    face = sets["face478"]
    for i, refs in IRIS:
        face["order"].append(i)
        face["refs"].append(list(refs))
        for c in range(3):
            face["template"].append(round(sum(face["template"][r * 3 + c] for r in refs) / len(refs)))
            face["intra_scale"].append(28)
            face["scale"].append(face["scale"][refs[0] * 3 + c])
            face["weight"].append(64)
    return [row for table in counts for row in normalise(table)], sets


def packed(freq: list[list[int]], sets: dict[str, dict[str, Any]]) -> tuple[bytes, dict[str, bytes]]:
    """The compact form for firmware and browser (little-endian): frequencies; per set order u16, reference count u8 and
    3 x u16 references, template s16, intra scale u8, scale u8, weight u8."""
    out = {}
    for name, s in sets.items():
        m = len(s["order"])
        b = struct.pack("<HB", m, s["channels"]) + bytes(s["bits"])
        b += struct.pack(f"<{m}H", *s["order"]) + bytes(len(r) for r in s["refs"])
        b += b"".join(struct.pack("<3H", *(r + [0] * (3 - len(r)))) for r in s["refs"])
        b += struct.pack(f"<{len(s['template'])}h", *s["template"])
        out[name] = b + bytes(s["intra_scale"]) + bytes(s["scale"]) + bytes(s["weight"])
    return struct.pack("<896H", *(v for row in freq for v in row)), out


def lines(values: list[Any], indent: str, width: int = 110) -> str:
    text, row = "", indent
    for v in values:
        item = f"{v}, "
        if len(row) + len(item) > width:
            text += row.rstrip() + "\n"
            row = indent
        row += item
    return text + row.rstrip() + "\n"


def write_python(freq: list[list[int]], sets: dict[str, dict[str, Any]]) -> None:
    src = '"""Trained tables of the pose codec: data, in one file. Generated by ``tools/train_pose_tables.py``; do not edit."""\n\n# ruff: noqa\n\n'  # noqa: E501
    src += "from __future__ import annotations\n\nfrom dataclasses import dataclass\n\n\n"
    src += '@dataclass(frozen=True, slots=True)\nclass Trained:\n    """Coding order, references and start values of one set (section 5 of the specification)."""\n\n'  # noqa: E501
    src += "    channels: int\n    bits: tuple[int, ...]\n    order: tuple[int, ...]\n    refs: tuple[tuple[int, ...], ...]\n"  # noqa: E501
    src += "    template: tuple[int, ...]\n    intra_scale: bytes\n    scale: bytes\n    weight: bytes\n\n\n"
    src += "FREQUENCIES: tuple[tuple[int, ...], ...] = (\n"
    for row in freq:
        src += "    (\n" + lines(row, " " * 8) + "    ),\n"
    src += ")\n\nTRAINED: dict[str, Trained] = {\n"
    for name, s in sets.items():
        src += f'    "{name}": Trained(\n        channels={s["channels"]},\n        bits={tuple(s["bits"])},\n'
        src += "        order=(\n" + lines(s["order"], " " * 12) + "        ),\n"
        src += "        refs=(\n" + lines([tuple(r) for r in s["refs"]], " " * 12) + "        ),\n"
        src += "        template=(\n" + lines(s["template"], " " * 12) + "        ),\n"
        for k in ("intra_scale", "scale", "weight"):
            src += f"        {k}=bytes((\n" + lines(s[k], " " * 12) + "        )),\n"
        src += "    ),\n"
    TABLES_PY.write_text(src + "}\n")


def write_firmware(freq: bytes, sets: dict[str, bytes]) -> None:
    head = '"""Trained tables of the pose codec, packed. Generated by tools/train_pose_tables.py; do not edit."""\n\n'
    small = head + f"FREQUENCIES = {freq!r}\n"
    for name in ("body33", "world33", "hand21", "coco17"):
        small += f"{name.upper()} = {sets[name]!r}\n"
    fw = ROOT / "firmware/posewire_fw"
    fw.mkdir(parents=True, exist_ok=True)
    (fw / "pose_tables.py").write_text(small)
    (fw / "pose_tables_face.py").write_text(head + f"FACE478 = {sets['face478']!r}\n")


def write_javascript(freq: bytes, sets: dict[str, bytes]) -> None:
    path = ROOT / "host/posewire/web/client/pose/tables.js"
    block = "/** The trained tables of the pose codec, packed. "
    block += "Generated by tools/train_pose_tables.py; do not edit. */\n\n"
    block += "export const PACKED = {\n"
    for name, raw in {"frequencies": freq, **sets}.items():
        text = base64.b64encode(raw).decode()
        rows = [text[k : k + 110] for k in range(0, len(text), 110)]
        block += f"  {name}:\n    " + " +\n    ".join(f'"{r}"' for r in rows) + ",\n"
    path.write_text(block + "};\n")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not TABLES_PY.exists():
        TABLES_PY.write_text("FREQUENCIES = ()\nTRAINED = {}\n")
    freq, sets = train(Path(sys.argv[1]))
    write_python(freq, sets)
    doc = {"frequencies": freq[:14], "frequencies_face": freq[14:], "sets": sets}
    (ROOT / "docs/pose-tables.json").write_text(re.sub(r",\s+", ",", json.dumps(doc)).replace('],"', '],\n"') + "\n")
    small, packs = packed(freq, sets)
    write_firmware(small, packs)
    write_javascript(small, packs)
    for name, b in packs.items():
        print(f"{name}: {len(sets[name]['order'])} landmarks, {len(b)} bytes packed")


if __name__ == "__main__":
    main()
