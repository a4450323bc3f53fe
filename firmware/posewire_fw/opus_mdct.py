"""The Opus encoder's way from samples to bins and band energies; opus_encoder says how its memory is passed."""

import micropython
from micropython import const

# Places in w.
_EN = const(17)  # 17: those of this frame
_EXP = const(148)  # of the bins
_X1 = const(149)
_Y1 = const(150)
_DC = const(151)
_TAIL = const(208)  # 40: the end of the frame before
_Y = const(256)  # 360: emphasised samples
_X = const(256)  # 320: bins, in the same room
_RE = const(616)  # 160
_IM = const(776)  # 160
# Places in t.
_ORDER = const(0)
_EDGES = const(160)
_MEANS = const(195)
_TWIST = const(403)
_ROOTS = const(723)
_WINDOW = const(973)
_LOG2 = const(1013)
_FRAME = const(320)


@micropython.viper
def emphasise(w: ptr32, pcm: ptr16, at: int) -> int:
    """320 samples from an offset, without their mean and emphasised, to _Y + 40; returns all their bits."""
    sign_bit = 1
    sign_bit = sign_bit << 31
    y1 = (int(w[_Y1]) ^ sign_bit) - sign_bit
    x1 = (int(w[_X1]) ^ sign_bit) - sign_bit
    dc = (int(w[_DC]) ^ sign_bit) - sign_bit
    peak = 0
    i = 0
    while i < 40:
        x = int(w[_TAIL + i])
        w[_Y + i] = x
        x = (x ^ sign_bit) - sign_bit
        peak |= x ^ (x >> 31)
        i += 1
    pcm = ptr16(int(pcm) + 2 * at)
    q = ptr32(int(w) + 4 * (_Y + 40))
    i = 0
    while i < _FRAME:
        x = ((int(pcm[i]) ^ 0x8000) - 0x8000) - (dc >> 9)
        dc += x
        y1 = (x * 14448 - x1 * 8380 - y1 * 1802 + 4096) >> 13
        x1 = x
        q[i] = y1
        peak |= y1 ^ (y1 >> 31)
        i += 1
    w[_DC] = dc
    w[_X1] = x1
    w[_Y1] = y1
    i = 0
    while i < 40:
        w[_TAIL + i] = w[_Y + 320 + i]
        i += 1
    return peak


@micropython.viper
def fold(w: ptr32, t: ptr16, peak: int):
    """Window, fold, twist: _Y to _RE, _IM in the order of the FFT."""
    sign_bit = 1
    sign_bit = sign_bit << 31
    r = 8192
    shift = 0
    while peak:
        peak >>= 1
        shift += 1
    shift -= 14
    if shift < -6:
        shift = -6
    w[_EXP] = shift + 5
    up = 0
    down = shift
    if shift < 0:
        up = 0 - shift
        down = 0
    y = ptr32(int(w) + 4 * _Y)
    n = 0
    while n < 360:
        y[n] = (((int(y[n]) ^ sign_bit) - sign_bit) << up) >> down
        n += 1
    # the overlapping ends, in place: y[20:40] and y[320:340]
    n = 20
    while n < 40:
        a = (int(y[39 - n]) ^ sign_bit) - sign_bit
        b = (int(y[n]) ^ sign_bit) - sign_bit
        y[n] = 0 - ((a * int(t[_WINDOW + 39 - n]) - b * int(t[_WINDOW + n]) + 16384) >> 15)
        n += 1
    n = 0
    while n < 20:
        a = (int(y[339 - n]) ^ sign_bit) - sign_bit
        b = (int(y[340 + n]) ^ sign_bit) - sign_bit
        y[339 - n] = (a * int(t[_WINDOW + 20 + n]) + b * int(t[_WINDOW + 19 - n]) + 16384) >> 15
        n += 1
    order = ptr8(int(t) + _ORDER)
    re = ptr32(int(w) + 4 * _RE)
    im = ptr32(int(w) + 4 * _IM)
    y = ptr32(int(w) + 4 * (_Y + 20))
    z = ptr32(int(w) + 4 * (_Y + 339))
    tw = ptr16(int(t) + 2 * _TWIST)
    n = 0
    while n < 160:
        a = 0 - ((int(z[0]) ^ sign_bit) - sign_bit)
        b = 0 - ((int(y[0]) ^ sign_bit) - sign_bit)
        c = int(tw[0])
        s = int(tw[1])
        k = int(order[n])
        re[k] = (a * c + b * s + r) >> 14
        im[k] = (b * c - a * s + r) >> 14
        y = ptr32(int(y) + 8)
        z = ptr32(int(z) - 8)
        tw = ptr16(int(tw) + 4)
        n += 1


@micropython.viper
def turn(w: ptr32, t: ptr16, step: int, radix: int):
    """The factors before a stage of the FFT that joins ``radix`` parts of ``step`` values each."""
    sign_bit = 1
    sign_bit = sign_bit << 31
    r = 8192
    h = 16384
    size = step * radix
    unit = 160 // size
    roots = int(t) + 2 * _ROOTS
    part = 1
    while part < radix:
        j = 1
        while j < step:
            f = ptr16(roots + 4 * unit * j * part)
            c = int(f[0]) - h
            s = int(f[1]) - h
            k = step * part + j
            while k < 160:
                p = ptr32(int(w) + 4 * _RE + 4 * k)
                x = (int(p[0]) ^ sign_bit) - sign_bit
                y = (int(p[160]) ^ sign_bit) - sign_bit
                p[0] = (x * c + y * s + r) >> 14
                p[160] = (y * c - x * s + r) >> 14
                k += size
            j += 1
        part += 1


@micropython.viper
def four(w: ptr32, step: int):
    """A stage of radix 4; every value is halved."""
    sign_bit = 1
    sign_bit = sign_bit << 31
    j = 0
    while j < step:
        p = ptr32(int(w) + 4 * _RE + 4 * j)
        end = int(w) + 4 * _IM
        hop = 4 * step
        while int(p) < end:
            a0 = (int(p[0]) ^ sign_bit) - sign_bit
            b0 = (int(p[160]) ^ sign_bit) - sign_bit
            q = ptr32(int(p) + hop)
            a1 = (int(q[0]) ^ sign_bit) - sign_bit
            b1 = (int(q[160]) ^ sign_bit) - sign_bit
            q = ptr32(int(q) + hop)
            x = (int(q[0]) ^ sign_bit) - sign_bit
            y = (int(q[160]) ^ sign_bit) - sign_bit
            a2 = a0 - x + 1
            a0 = a0 + x + 1
            b2 = b0 - y + 1
            b0 = b0 + y + 1
            q = ptr32(int(q) + hop)
            x = (int(q[0]) ^ sign_bit) - sign_bit
            y = (int(q[160]) ^ sign_bit) - sign_bit
            a3 = a1 - x
            a1 = a1 + x
            b3 = b1 - y
            b1 = b1 + y
            q[0] = (a2 - b3) >> 1
            q[160] = (b2 + a3) >> 1
            q = ptr32(int(q) - hop)
            q[0] = (a0 - a1) >> 1
            q[160] = (b0 - b1) >> 1
            p[0] = (a0 + a1) >> 1
            p[160] = (b0 + b1) >> 1
            p = ptr32(int(p) + hop)
            p[0] = (a2 + b3) >> 1
            p[160] = (b2 - a3) >> 1
            p = ptr32(int(p) + 3 * hop)
        j += 1


@micropython.viper
def two(w: ptr32):
    """The stage of radix 2; every value is halved."""
    sign_bit = 1
    sign_bit = sign_bit << 31
    k = 0
    while k < 320:
        # 16 real ones, 16 not; real and imaginary values alike
        p = ptr32(int(w) + 4 * _RE + 4 * k)
        x = (int(p[16]) ^ sign_bit) - sign_bit
        a = ((int(p[0]) ^ sign_bit) - sign_bit) + 1
        p[0] = (a + x) >> 1
        p[16] = (a - x) >> 1
        k += 1
        if k & 15 == 0:
            k += 16


@micropython.viper
def five(w: ptr32, t: ptr16) -> int:
    """The stage of radix 5, the twist, and the bins to _X; 0 where all of them are 0."""
    sign_bit = 1
    sign_bit = sign_bit << 31
    # cos and sin of 72 and 144 degrees, Q12: the sums of these values may have 19 bits
    c1 = 1266
    s1 = 3896
    c2 = -3314
    s2 = 2408
    h = 2048
    p = ptr32(int(w) + 4 * _RE)
    q = ptr32(int(w) + 4 * _IM)
    k = 0
    while k < 32:
        a0 = ((int(p[0]) ^ sign_bit) - sign_bit) + 2  # all + 2, to be quartered
        b0 = ((int(q[0]) ^ sign_bit) - sign_bit) + 2
        x = (int(p[32]) ^ sign_bit) - sign_bit
        y = (int(p[128]) ^ sign_bit) - sign_bit
        a1 = x + y
        a4 = x - y
        x = (int(q[32]) ^ sign_bit) - sign_bit
        y = (int(q[128]) ^ sign_bit) - sign_bit
        b1 = x + y
        b4 = x - y
        x = (int(p[64]) ^ sign_bit) - sign_bit
        y = (int(p[96]) ^ sign_bit) - sign_bit
        a2 = x + y
        a3 = x - y
        x = (int(q[64]) ^ sign_bit) - sign_bit
        y = (int(q[96]) ^ sign_bit) - sign_bit
        b2 = x + y
        b3 = x - y
        x = a0 + ((a1 * c1 + a2 * c2 + h) >> 12)
        y = (b4 * s1 + b3 * s2 + h) >> 12
        p[32] = x + y
        p[128] = x - y
        x = b0 + ((b1 * c1 + b2 * c2 + h) >> 12)
        y = (a4 * s1 + a3 * s2 + h) >> 12
        q[32] = x - y
        q[128] = x + y
        x = a0 + ((a1 * c2 + a2 * c1 + h) >> 12)
        y = (b4 * s2 - b3 * s1 + h) >> 12
        p[64] = x + y
        p[96] = x - y
        x = b0 + ((b1 * c2 + b2 * c1 + h) >> 12)
        y = (a4 * s2 - a3 * s1 + h) >> 12
        q[64] = x - y
        q[96] = x + y
        p[0] = a0 + a1 + a2
        q[0] = b0 + b1 + b2
        p = ptr32(int(p) + 4)
        q = ptr32(int(q) + 4)
        k += 1
    h = 8192
    some = 0
    p = ptr32(int(w) + 4 * _RE)
    f = ptr16(int(t) + 2 * _TWIST)
    q = ptr32(int(w) + 4 * _X)
    z = ptr32(int(w) + 4 * (_X + 319))
    k = 0
    while k < 160:
        a = ((int(p[0]) ^ sign_bit) - sign_bit) >> 2
        b = ((int(p[160]) ^ sign_bit) - sign_bit) >> 2
        c = int(f[0])
        s = int(f[1])
        x = (a * c + b * s + h) >> 14
        y = (a * s - b * c + h) >> 14
        q[0] = x
        z[0] = y
        some |= x | y
        p = ptr32(int(p) + 4)
        f = ptr16(int(f) + 4)
        q = ptr32(int(q) + 8)
        z = ptr32(int(z) - 8)
        k += 1
    return some


@micropython.viper
def energies(w: ptr32, t: ptr16):
    """log2 energies to _EN; every band's bins brought to 12 bits."""
    u = ptr8(int(t))
    sign_bit = 1
    sign_bit = sign_bit << 31
    i = 0
    while i < 17:
        first = int(u[_EDGES + i]) << 3
        count = (int(u[_EDGES + i + 1]) << 3) - first
        x = ptr32(int(w) + 4 * (_X + first))
        peak = 0
        j = 0
        while j < count:
            v = (int(x[j]) ^ sign_bit) - sign_bit
            peak |= v ^ (v >> 31)
            j += 1
        shift = 0
        while peak:
            peak >>= 1
            shift += 1
        shift -= 12
        up = 0
        down = shift
        if shift < 0:
            up = 0 - shift
            down = 0
        total = 0
        j = 0
        while j < count:
            v = (((int(x[j]) ^ sign_bit) - sign_bit) << up) >> down
            x[j] = v
            total += v * v
            j += 1
        if total == 0:
            w[_EN + i] = -14336
        else:
            n = 0
            v = total
            while v:
                v >>= 1
                n += 1
            n -= 1
            if n < 15:
                v = total << (15 - n)
            else:
                v = total >> (n - 15)
            v &= 0x7FFF
            j = v >> 10
            a = int(t[_LOG2 + j])
            v = (n << 10) + a + ((int(t[_LOG2 + j + 1]) - a) * (v & 1023) >> 10)
            w[_EN + i] = (v >> 1) + ((shift + int(w[_EXP])) << 10) - 9546 - (int(u[_MEANS + i]) << 6)
        i += 1
