"""The integer loops of the pose codec in viper: quantising, prediction, contexts, rANS, CRC.

The same job as host/posewire/wire/pose/core.py, which is the plain twin: tests hold both to the same bytes. Viper takes
four arguments at most, so a list carries the buffers (see _CONTEXT_SIZE). A function's first three locals live in
registers, arguments included: the busiest integers are arguments whose values do not matter. No floats and nothing
beyond 31 bits, so that the results are the same on 32-bit chips and on a 64-bit simulator.

16-bit loads come without sign: ``(v ^ 0x8000) - 0x8000`` puts it back.
"""

from array import array

import micropython
from micropython import const

# Indices into the list of buffers
_PLAN = const(0)  # H: 5 a landmark
_X = const(1)  # h
_BASE = const(2)  # h: the temporal base
_TEMPLATE = const(3)  # h
_INTRA_SCALE = const(4)  # H
_START_SCALE = const(5)  # H
_EMA = const(6)  # H: before and after
_W = const(7)  # B: before and after
_START_WEIGHT = const(8)  # B
_TODO = const(9)  # B: 0 skip, 1 delta, 2 intra
_VALID = const(10)  # B: of the reference
_E = const(11)  # H: innovations + 32768
_D = const(12)  # H: the same against the template
_RES = const(13)  # H: residuals, the sign in the lowest bit
_CTX = const(14)  # B
_WORK = const(15)  # i: 48
_CUM = const(16)  # H: 14 x 33, then _FIRST
_BUF = const(17)  # bytes of the packet
_MARKS = const(18)
_CHANNELS = const(19)
_INTRA = const(20)  # whether any landmark is intra
_STOP = const(21)  # decode: landmarks in coding order
_POS = const(22)
_END = const(23)
_X1 = const(24)  # h: the reference
_DROP = const(25)  # B
_Q4 = const(26)  # h: quaternions, four components
_R4 = const(27)
_P4 = const(28)
_UNIT = const(29)
_CONTEXT_SIZE = const(30)

# After the cumulative frequencies: for each table and each step of 256, the first entry above the step's begin
_FIRST = const(462)


class _All:
    def __getitem__(self, item):
        return item


ALL = _All()[:]  # a slice that needs no memory when it is used: ``a[ALL] = b`` copies all of b
del _All

# floor(log2) and the next bit of 0 ... 255: two buckets an octave
BUCKET = (
    b"\x00\x01\x02\x03\x04\x04\x05\x05\x06\x06\x06\x06\x07\x07\x07\x07\x08\x08\x08\x08\x08\x08\x08\x08"
    b"\x09\x09\x09\x09\x09\x09\x09\x09\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a"
    b"\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c"
    b"\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c"
    b"\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d"
    b"\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0d\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e"
    b"\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e"
    b"\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e\x0e"
    b"\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f"
    b"\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f"
    b"\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f\x0f"
)

# CRC-32 of the 16 values of half a byte, as 32-bit words, lowest byte first: as Python integers they would be objects
# on the heap of a 32-bit chip.
CRC_TABLE = array(
    "I",
    b"\x00\x00\x00\x00\x64\x10\xb7\x1d\xc8\x20\x6e\x3b\xac\x30\xd9\x26"
    b"\x90\x41\xdc\x76\xf4\x51\x6b\x6b\x58\x61\xb2\x4d\x3c\x71\x05\x50"
    b"\x20\x83\xb8\xed\x44\x93\x0f\xf0\xe8\xa3\xd6\xd6\x8c\xb3\x61\xcb"
    b"\xb0\xc2\x64\x9b\xd4\xd2\xd3\x86\x78\xe2\x0a\xa0\x1c\xf2\xbd\xbd",
)


@micropython.viper
def crc32(buf, start: int, end: int, state):
    """Runs state[0] (a 32-bit unsigned array) over buf[start:end], as zlib.crc32 does."""
    b = ptr8(buf)
    t = ptr32(CRC_TABLE)
    s = ptr32(state)
    c = s[0] ^ -1
    i = start
    while i < end:
        c ^= b[i]
        c = t[c & 15] ^ ((c >> 4) & 0xFFFFFFF)
        c = t[c & 15] ^ ((c >> 4) & 0xFFFFFFF)
        i += 1
    s[0] = c ^ -1


@micropython.viper
def put_crc(state, buf, at: int):
    """state[0] into buf[at:at + 4], big-endian."""
    s = ptr32(state)
    b = ptr8(buf)
    c = s[0]
    b[at] = c >> 24
    b[at + 1] = c >> 16
    b[at + 2] = c >> 8
    b[at + 3] = c


@micropython.viper
def same_crc(state, buf, at: int) -> int:
    """Whether state[0] is what buf[at:at + 4] says."""
    s = ptr32(state)
    b = ptr8(buf)
    c = s[0]
    if (c >> 24) & 255 != b[at] or (c >> 16) & 255 != b[at + 1]:
        return 0
    if (c >> 8) & 255 != b[at + 2] or c & 255 != b[at + 3]:
        return 0
    return 1


@micropython.viper
def fill8(dst, n: int, value: int):
    d = ptr8(dst)
    i = 0
    while i < n:
        d[i] = value
        i += 1


@micropython.viper
def rescale(src, dst, n: int, by: int):
    """Integers onto a grid ``by`` bits coarser (finer when negative), saturating; by 0 copies."""
    s = ptr16(src)
    d = ptr16(dst)
    i = 0
    while i < n:
        v = s[i]
        if by != 0:
            v = (v ^ 0x8000) - 0x8000
            if by > 0:
                v = (v + (1 << (by - 1))) >> by
            else:
                v <<= 0 - by
                if v < -32768:
                    v = -32768
                if v > 32767:
                    v = 32767
        d[i] = v
        i += 1


@micropython.viper
def rescale_scale(src, dst, n: int, by: int):
    """The same for scales (2 ... 32767)."""
    s = ptr16(src)
    d = ptr16(dst)
    i = 0
    while i < n:
        v = s[i]
        if by > 0:
            v >>= by
        elif by < 0:
            v <<= 0 - by
            if v > 32767:
                v = 32767
        if v < 2:
            v = 2
        d[i] = v
        i += 1


@micropython.viper
def apply_gain(src, dst, gains, shape: int):
    """Start scales times the gain of each channel; shape = landmarks << 8 | channels."""
    s = ptr16(src)
    d = ptr16(dst)
    g = ptr8(gains)
    ch = shape & 255
    n = (shape >> 8) * ch
    c = 0
    while c < ch:
        sh = (g[c] >> 2) - 8
        f = 4 + (g[c] & 3)
        q = c
        while q < n:
            z = s[q] * f
            if sh >= 0:
                z <<= sh
            else:
                z >>= 0 - sh
            z >>= 2
            if z < 2:
                z = 2
            if z > 32767:
                z = 32767
            d[q] = z
            q += ch
        c += 1


@micropython.viper
def plan_todo(cx, there, first: int, count: int) -> int:
    """The action for each landmark: bit 0: some are intra, bit 1: some are skipped."""
    ct = cx
    plan = ptr16(ct[_PLAN])
    todo = ptr8(ct[_TODO])
    valid = ptr8(ct[_VALID])
    t = ptr8(there)
    marks = int(ct[_MARKS])
    ch = int(ct[_CHANNELS])
    out = 0
    i = 0
    while i < marks:
        if valid[i]:
            todo[i] = 1
        else:
            todo[i] = 2
            out |= 1
        i += 1
    while count > 0 and first < marks:
        todo[plan[5 * first] // ch] = 2
        out |= 1
        first += 1
        count -= 1
    i = 0
    while i < marks:
        if t[i] == 0:
            todo[i] = 0
            out |= 2
        i += 1
    return out


@micropython.viper
def settle(cx, x, prev, shape: int) -> int:
    """After a frame that is not all delta: missing landmarks keep their integers, intra ones have no momentum.

    Writes valid (of the new state, in _VALID); returns 1 when all landmarks are valid. shape = landmarks << 8 |
    channels.
    """
    ct = cx
    todo = ptr8(ct[_TODO])
    valid = ptr8(ct[_VALID])
    a = ptr16(x)
    p = ptr16(prev)
    ch = shape & 255
    marks = shape >> 8
    full = 1
    i = 0
    q = 0
    while i < marks:
        do = todo[i]
        c = 0
        while c < ch:
            if do == 0:
                a[q] = p[q]
            elif do == 2:
                p[q] = a[q]
            q += 1
            c += 1
        if do:
            valid[i] = 1
        else:
            valid[i] = 0
            full = 0
        i += 1
    return full


@micropython.viper
def extrapolate(x1, base, n: int, mode: int):
    """base (the frame before the reference) becomes the temporal base of mode 1 or 2, modulo 2^16."""
    a = ptr16(x1)
    b = ptr16(base)
    q = 0
    while q < n:
        r = (int(a[q]) ^ 0x8000) - 0x8000
        h = r - ((b[q] ^ 0x8000) - 0x8000)
        if mode == 1:
            h >>= 1
        b[q] = r + h
        q += 1


@micropython.viper
def start_scales(src, dst, by, shape: int):
    """Quarter-octave bytes to Q4 scales, by[c] bits coarser in channel c; shape = landmarks << 8 | channels."""
    s = ptr8(src)
    d = ptr16(dst)
    t = ptr8(by)
    ch = shape & 255
    n = (shape >> 8) * ch
    c = 0
    while c < ch:
        b = (t[c] ^ 0x80) - 0x80
        q = c
        while q < n:
            v = s[q]
            v = ((4 + (v & 3)) << (v >> 2)) >> 2
            if v > 32767:
                v = 32767
            if v < 2:
                v = 2
            if b > 0:
                v >>= b
            else:
                v <<= 0 - b
            if v < 2:
                v = 2
            if v > 32767:
                v = 32767
            d[q] = v
            q += ch
        c += 1


@micropython.viper
def start_template(src, dst, by, shape: int):
    """The template on a grid by[c] bits coarser."""
    s = ptr16(src)
    d = ptr16(dst)
    t = ptr8(by)
    ch = shape & 255
    n = (shape >> 8) * ch
    c = 0
    while c < ch:
        b = (t[c] ^ 0x80) - 0x80
        q = c
        while q < n:
            v = (s[q] ^ 0x8000) - 0x8000
            if b > 0:
                v = (v + (1 << (b - 1))) >> b
            else:
                v <<= 0 - b
                if v < -32768:
                    v = -32768
                if v > 32767:
                    v = 32767
            d[q] = v
            q += ch
        c += 1
