"""Integers and scales at another coarse level, and gains on the start scales (section 5)."""

from __future__ import annotations

from posewire.wire.pose.core.model import MAX_SCALE, Integers

GAINS = 48
UNIT_OCTAVE = 8  # of a gain code: four codes an octave


def rescale(values: Integers, by: int, count: int, out: Integers) -> None:
    """Write integers on a grid ``by`` bits coarser (finer when negative), limited to 16 bits."""
    for index in range(count):
        value = values[index]
        if by > 0:
            value = (value + (1 << (by - 1))) >> by
        else:
            value = value << -by
            value = -32768 if value < -32768 else (32767 if value > 32767 else value)
        out[index] = value


def rescale_scales(scales: Integers, by: int, count: int, out: Integers) -> None:
    """Write scales on a grid ``by`` bits coarser (finer when negative), limited to 2 … 32767."""
    for index in range(count):
        value = scales[index] >> by if by > 0 else scales[index] << -by
        out[index] = 2 if value < 2 else (MAX_SCALE if value > MAX_SCALE else value)


def best_gain(scale: Integers, start_scale: Integers, landmarks: int, channels: int, channel: int) -> int:
    """Return the gain code (0 … 47; 32 is 1) by which the scales of a channel have moved from their start values."""
    now = 0
    start = 0
    for landmark in range(landmarks):
        now += scale[landmark * channels + channel]
        start += start_scale[landmark * channels + channel]
    best = 0
    for gain in range(GAINS):
        octave = (gain >> 2) - UNIT_OCTAVE
        quarter = 4 + (gain & 3)
        if octave >= 0:
            if start * (quarter << octave) <= 4 * now:
                best = gain
        elif start * quarter <= (4 * now) << -octave:
            best = gain
    return best


def apply_gains(start_scale: Integers, gains: Integers, landmarks: int, channels: int, out: Integers) -> None:
    """Write the start scales times each channel's gain, limited to 2 … 32767."""
    for channel in range(channels):
        octave = (gains[channel] >> 2) - UNIT_OCTAVE
        quarter = 4 + (gains[channel] & 3)
        for index in range(channel, landmarks * channels, channels):
            value = start_scale[index] * quarter
            value = value << octave if octave >= 0 else value >> -octave
            value >>= 2
            out[index] = 2 if value < 2 else (MAX_SCALE if value > MAX_SCALE else value)
