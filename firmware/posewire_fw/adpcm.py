"""IMA-ADPCM, 4 bits a sample (docs/wire.md section 4).

The coder's state is two words in a buffer: predictor, step index.
"""

from array import array

import micropython

STATE_BYTES = 8
HEADER_BYTES = 4

# fmt: off
STEPS = array("H", (
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88,
    97, 107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658,
    724, 796, 876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660,
    4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818,
    18500, 20350, 22385, 24623, 27086, 29794, 32767,
))
# fmt: on


@micropython.viper
def start_frame(state, out, at: int):
    """Write the coder's state before the first sample as a frame's 4-byte header."""
    s = ptr32(state)
    o = ptr8(out)
    p = int(s[0])
    o[at] = p & 255
    o[at + 1] = (p >> 8) & 255
    o[at + 2] = int(s[1])
    o[at + 3] = 0


@micropython.viper
def encode(state, steps, pcm, out, at: int, count: int):
    """Encode count samples (an even number) of 16-bit pcm into count / 2 bytes of out at an offset."""
    s = ptr32(state)
    table = ptr16(steps)
    samples = ptr16(pcm)
    o = ptr8(out)
    p = ((int(s[0]) & 0xFFFF) ^ 0x8000) - 0x8000
    index = int(s[1])
    i = 0
    low = 0
    while i < count:
        step = int(table[index])
        d = ((int(samples[i]) ^ 0x8000) - 0x8000) - p
        nibble = 0
        if d < 0:
            nibble = 8
            d = 0 - d
        change = step >> 3
        if d >= step:
            nibble |= 4
            d -= step
            change += step
        step >>= 1
        if d >= step:
            nibble |= 2
            d -= step
            change += step
        step >>= 1
        if d >= step:
            nibble |= 1
            change += step
        if nibble & 8:
            p -= change
            if p < -32768:
                p = -32768
        else:
            p += change
            if p > 32767:
                p = 32767
        if nibble & 4:
            index += ((nibble & 3) + 1) << 1
            if index > 88:
                index = 88
        elif index > 0:
            index -= 1
        if i & 1:
            o[at] = low | (nibble << 4)
            at += 1
        else:
            low = nibble
        i += 1
    s[0] = p & 0xFFFF
    s[1] = index


@micropython.viper
def open_frame(state, data, at: int) -> bool:
    """Load the state from a frame's header; False when the header makes no sense."""
    s = ptr32(state)
    d = ptr8(data)
    s[0] = int(d[at]) | (int(d[at + 1]) << 8)
    s[1] = int(d[at + 2])
    return int(d[at + 2]) < 89


@micropython.viper
def decode(state, steps, data, at: int, pcm, count: int):
    """Decode count samples (an even number) from count / 2 bytes of data at an offset into 16-bit pcm."""
    s = ptr32(state)
    table = ptr16(steps)
    d = ptr8(data)
    samples = ptr16(pcm)
    p = ((int(s[0]) & 0xFFFF) ^ 0x8000) - 0x8000
    index = int(s[1])
    i = 0
    while i < count:
        nibble = (int(d[at + (i >> 1)]) >> ((i & 1) << 2)) & 15
        step = int(table[index])
        change = step >> 3
        if nibble & 4:
            change += step
        if nibble & 2:
            change += step >> 1
        if nibble & 1:
            change += step >> 2
        if nibble & 8:
            p -= change
            if p < -32768:
                p = -32768
        else:
            p += change
            if p > 32767:
                p = 32767
        if nibble & 4:
            index += ((nibble & 3) + 1) << 1
            if index > 88:
                index = 88
        elif index > 0:
            index -= 1
        samples[i] = p & 0xFFFF
        i += 1
    s[0] = p & 0xFFFF
    s[1] = index
