"""Sounds for the Opus encoder's tests, the same on every interpreter: integers only."""

from array import array

from fw_support import Random

KINDS = ("noise", "loud", "square", "triangle", "clicks", "faint", "silence", "bursts", "sweep", "offset")


def signal(kind, seed, count):
    """count 16-bit samples."""
    rng = Random(seed)
    return array("h", [_sample(kind, rng, i) for i in range(count)])


def _sample(kind, rng, i):
    if kind == "silence":
        return 0
    if kind == "square":
        return 32767 if i // 31 & 1 else -32768
    if kind == "triangle":
        return abs(i * 1499 % 65536 - 32768) - 16384
    if kind == "clicks":
        return 32767 if i % 797 == 0 else 0
    if kind == "sweep":
        return abs(i * i // 3 % 65536 - 32768) - 16384
    value = rng.below(65536) - 32768
    if kind == "loud":
        return 32767 if value > 0 else -32768
    if kind == "faint":
        return value >> 14
    if kind == "bursts":
        return value if i // 1500 & 1 else value >> 13
    if kind == "offset":
        return 9000 + (value >> 9)
    return value >> 3
