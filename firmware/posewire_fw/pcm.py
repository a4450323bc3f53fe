"""Sample arithmetic: microphone words to 16 bits, volume, level, a test tone."""

import micropython


@micropython.viper
def from_i2s(raw, pcm, at: int, count: int, gain: int) -> int:
    """Turn count 32-bit I2S words into 16-bit samples at sample offset `at`. Returns the peak.

    A sample is word >> (16 - gain), clipped; gain is in bits (0 ... 8), each doubles the amplitude.
    """
    words = ptr32(raw)
    out = ptr16(pcm)
    shift = 16 - gain
    peak = 0
    i = 0
    while i < count:
        # A 64-bit port loads the word without its sign; working on the upper half and the rest apart suits both.
        v = int(words[i])
        high = ((v >> 16) & 0xFFFF ^ 0x8000) - 0x8000
        v = (high << gain) | ((v & 0xFFFF) >> shift)
        if v > 32767:
            v = 32767
        elif v < -32768:
            v = -32768
        out[at + i] = v & 0xFFFF
        if v < 0:
            v = 0 - v
        if v > peak:
            peak = v
        i += 1
    return peak


@micropython.viper
def scale(pcm, count: int, factor: int) -> int:
    """Multiply count 16-bit samples by factor / 256 (0 ... 256) in place. Returns the peak."""
    s = ptr16(pcm)
    peak = 0
    i = 0
    while i < count:
        v = (((int(s[i]) ^ 0x8000) - 0x8000) * factor) >> 8
        s[i] = v & 0xFFFF
        if v < 0:
            v = 0 - v
        if v > peak:
            peak = v
        i += 1
    return peak


@micropython.viper
def loudness(pcm, at: int, count: int) -> int:
    """The mean absolute value of count (at most 16384) 16-bit samples from sample offset `at` on."""
    s = ptr16(pcm)
    total = 0
    i = at
    end = at + count
    while i < end:
        v = (int(s[i]) ^ 0x8000) - 0x8000
        if v < 0:
            v = 0 - v
        total += v
        i += 1
    return total // count


@micropython.viper
def silence(pcm, start: int, end: int):
    """Set the samples from start up to end to zero."""
    s = ptr16(pcm)
    while start < end:
        s[start] = 0
        start += 1


@micropython.viper
def tone(pcm, count: int, phase: int, step: int, level: int) -> int:
    """Fill count samples with a triangle wave. phase, step: in 1/65536 of a period. Returns the phase to go on with."""
    s = ptr16(pcm)
    i = 0
    while i < count:
        phase = (phase + step) & 0xFFFF
        v = phase
        if v > 0x8000:
            v = 0x10000 - v
        v = ((v - 0x4000) * level) >> 14
        s[i] = v & 0xFFFF
        i += 1
    return phase


def volume_factor(volume):
    """The factor for scale() of a volume in percent. Squared, because loudness is heard about logarithmically."""
    return volume * volume * 256 // 10000
