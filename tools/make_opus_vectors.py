"""Regenerates ``tests/vectors/opus.json`` with the plain twin of the board's Opus encoder, which is the reference.

    python tools/make_opus_vectors.py

Each entry: a sound of ``tests/firmware/opus/opus_signals.py`` with its seed and samples, bit/s, ms a packet, what
counts as quiet, how many packets come of it, and the CRC-32 of all their bytes.
"""

from __future__ import annotations

import json
import sys
from binascii import crc32
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/firmware/opus"))

from opus_signals import KINDS, signal  # noqa: E402
from opus_twin import OpusEncoder  # noqa: E402

SAMPLES = 320 * 12
SETTINGS = ((24000, 60, 0), (12000, 40, 0), (6000, 20, 0), (32000, 20, 0), (64000, 60, 0))


def packets(kind: str, seed: int, samples: int, settings: tuple[int, int, int]) -> list[bytes]:
    """Encode a sound with the plain twin."""
    encoder = OpusEncoder(*settings)
    pcm = list(signal(kind, seed, samples))
    size = encoder.count * 320
    return [encoder.packet(pcm[start : start + size]) for start in range(0, samples - size + 1, size)]


def entry(kind: str, seed: int, samples: int, settings: tuple[int, int, int]) -> dict[str, object]:
    """Return one entry of the file."""
    found = packets(kind, seed, samples, settings)
    names = ("bitrate", "frame_ms", "quiet")
    return {
        "kind": kind,
        "seed": seed,
        "samples": samples,
        **dict(zip(names, settings, strict=True)),
        "packets": len(found),
        "crc": crc32(b"".join(found)),
    }


def main() -> None:
    entries = [entry(kind, seed, SAMPLES, SETTINGS[seed % len(SETTINGS)]) for seed, kind in enumerate(KINDS)]
    entries += [entry("bursts", 7, SAMPLES, settings) for settings in SETTINGS]
    entries += [entry(kind, 5, 320 * 60, (24000, ms, 256)) for kind, ms in (("faint", 20), ("offset", 60))]
    path = ROOT / "tests/vectors/opus.json"
    path.write_text("[\n" + ",\n".join(json.dumps(value) for value in entries) + "\n]\n", "utf-8")


if __name__ == "__main__":
    main()
