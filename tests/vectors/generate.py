"""Writes the shared vectors in this folder. Run it after a change of docs/wire.md, and look at the difference.

Made with the plain twins in tests/firmware and, for ADPCM, held against the standard library's coder where that still
exists (CPython up to 3.12).
"""

import json
import math
import random
import struct
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "firmware"))

import twins  # type: ignore[import-not-found]  # noqa: E402

FRAME_SAMPLES = 160


def write(name: str, comment: str, data: dict[str, Any]) -> None:
    """Write one file: a comment that says what the fields are, then the data, one case a line."""
    lines = [f'{{"comment": {json.dumps(comment)}']
    for key, value in data.items():
        cases = ",\n  ".join(json.dumps(case, separators=(",", ":")) for case in value)
        lines.append(f'"{key}": [\n  {cases}\n]')
    (HERE / name).write_text(",\n".join(lines) + "}\n")


def shorts(values: list[int]) -> str:
    return struct.pack(f"<{len(values)}h", *values).hex()


def adpcm() -> None:
    """Streams of three frames; the coder's state runs on from frame to frame."""
    noise = random.Random(1)
    count = 3 * FRAME_SAMPLES
    signals = {
        "silence": [0] * count,
        "sine": [round(12000 * math.sin(i * 0.09)) for i in range(count)],
        "noise": [noise.randint(-32768, 32767) for _ in range(count)],
        "full-scale square": [32767 if i // 20 % 2 else -32768 for i in range(count)],
        "quiet": [noise.randint(-12, 12) for _ in range(count)],
        "click": [0] * 100 + [32767] + [0] * (count - 101),
    }
    cases = []
    for name, samples in signals.items():
        coder = twins.Adpcm()
        frames, decoded = [], []
        for at in range(0, count, FRAME_SAMPLES):
            header = coder.header()
            body = coder.encode(samples[at : at + FRAME_SAMPLES])
            frames.append((header + body).hex())
            predictor, index, _ = struct.unpack("<hBB", header)
            decoded += twins.Adpcm(predictor, index).decode(body)
        check_with_audioop(samples, [bytes.fromhex(frame)[4:] for frame in frames])
        cases.append({"name": name, "pcm": shorts(samples), "frames": frames, "decoded": shorts(decoded)})
    write(
        "adpcm.json",
        "docs/wire.md section 4. streams: pcm and decoded are s16 little-endian hex; frames of 160 samples with their "
        "headers, encoded one after the other by one encoder that begins at predictor 0, index 0.",
        {"streams": cases},
    )


def check_with_audioop(samples: list[int], bodies: list[bytes]) -> None:
    try:
        import audioop  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return
    expected, _ = audioop.lin2adpcm(struct.pack(f"<{len(samples)}h", *samples), 2, None)
    # It puts the first sample into the high nibble.
    assert bytes(byte >> 4 | (byte & 15) << 4 for byte in expected) == b"".join(bodies)


def frames() -> None:
    """Binary messages of the three protocols, good and bad."""
    good = []
    for kind, member_id, timestamp, payload in (
        (0, 0, 0, bytes(range(10))),
        (0, 0, 60, b""),
        (0, 7, 0xFFFFFFFF, bytes(300)),
        (1, 0, 1, b'{"type":"ping"}'),
        (16, 255, 12345678, bytes(range(200))),
    ):
        v2 = struct.pack(">HHIII", 2, kind, member_id, timestamp, len(payload)) + payload
        v3 = struct.pack(">BBH", kind, member_id, len(payload)) + payload
        good.append(
            {
                "protocol": 2,
                "type": kind,
                "member_id": member_id,
                "timestamp_ms": timestamp,
                "payload": payload.hex(),
                "message": v2.hex(),
            }
        )
        good.append(
            {
                "protocol": 3,
                "type": kind,
                "member_id": member_id,
                "timestamp_ms": 0,
                "payload": payload.hex(),
                "message": v3.hex(),
            }
        )
        if kind == 0 and member_id == 0:
            good.append(
                {
                    "protocol": 1,
                    "type": 0,
                    "member_id": 0,
                    "timestamp_ms": 0,
                    "payload": payload.hex(),
                    "message": payload.hex(),
                }
            )
    bad = [
        {"protocol": 3, "why": "shorter than its header", "message": "0000"},
        {"protocol": 3, "why": "announces more than follows", "message": "00000005" + "01020304"},
        {"protocol": 3, "why": "announces less than follows", "message": "00000003" + "01020304"},
        {"protocol": 2, "why": "shorter than its header", "message": "00020000"},
        {"protocol": 2, "why": "another version", "message": struct.pack(">HHIII", 3, 0, 0, 0, 1).hex() + "01"},
        {
            "protocol": 2,
            "why": "announces more than follows",
            "message": struct.pack(">HHIII", 2, 0, 0, 0, 9).hex() + "01",
        },
        {
            "protocol": 2,
            "why": "announces 2^24 more",
            "message": struct.pack(">HHIII", 2, 0, 0, 0, 0x1000001).hex() + "01",
        },
    ]
    write("frames.json", "docs/wire.md section 3, hex. bad: messages to refuse.", {"good": good, "bad": bad})


if __name__ == "__main__":
    adpcm()
    frames()
