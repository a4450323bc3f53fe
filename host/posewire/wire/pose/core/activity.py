"""How much a frame moves beside what the scales expect: one ratio a channel (section 5, "Activity")."""

from __future__ import annotations

from posewire.wire.pose.core.model import ORDER_WIDTH, Integers


def start_activity(
    order: Integers,
    landmarks: int,
    channels: int,
    scale: Integers,
    seen: Integers,
    expected: Integers,
    ratio: Integers,
) -> None:
    """Set the prior: as if the first four landmarks in coding order had been seen, each as large as its scale."""
    first = 4 if landmarks > 4 else landmarks
    for channel in range(channels):
        total = 0
        for position in range(first):
            total += scale[order[ORDER_WIDTH * position] + channel]
        seen[channel] = total
        expected[channel] = total
        ratio[channel] = 64


def update_activity(seen: Integers, expected: Integers, ratio: Integers, channels: int) -> None:
    """Set the ratios of seen to expected sizes (Q6, 8 … 512); those of the first three channels lean on each other."""
    for channel in range(channels):
        value = (seen[channel] << 6) // expected[channel]
        ratio[channel] = 8 if value < 8 else (512 if value > 512 else value)
    if channels > 2:
        total = ratio[0] + ratio[1] + ratio[2] + 4
        ratio[0] = (5 * ratio[0] + total) >> 3
        ratio[1] = (5 * ratio[1] + total) >> 3
        ratio[2] = (5 * ratio[2] + total) >> 3


def update_interval(landmarks: int) -> int:
    """Return a mask: the ratios follow after each landmark whose position in coding order has all of its bits."""
    return 0 if landmarks < 40 else 3
