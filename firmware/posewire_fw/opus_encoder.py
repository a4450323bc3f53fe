"""An Opus encoder (RFC 6716) for 16 kHz mono speech: CELT, wideband, frames of 20 ms. docs/opus.md explains it.

tests/firmware/opus_twin.py is the same to read, and gives the same bytes. Everything lives in one array of 32-bit words,
w; names such as _X are places in it, and those further down are places in t, the tables. Loads of a ptr32 are unsigned
on a 64-bit machine: (v ^ sign) - sign with sign = 1 << 31 makes them signed, and changes nothing on a 32-bit one, for
which `posewire deploy` leaves it out. Nothing is allocated per frame.

What is indexed by a constant stands below 256: for Xtensa, viper makes wrong code of w[256] and up (a load from a
pointer that is not among the first three locals; seen with MicroPython 1.26.1). The first three locals of a viper
function are in registers: they are the hot ones.
"""

from array import array

import micropython
from micropython import const

from posewire_fw.memcopy import memcopy
from posewire_fw.opus_tables import TABLES
from posewire_fw.unload import unload_modules

# 17 each: log2 energies as the decoder has them, those of this frame, what is left of them after the coarse ones; bits,
# bits of the fine energies, who gets what remains; bits at a quality, and more of them.
_OLD = const(0)
_EN = const(17)
_ER = const(34)
_BITS = const(51)
_FINE = const(68)
_LATE = const(85)
_BASE = const(102)
_MORE = const(119)
# The range coder.
_VAL = const(136)
_RNG = const(137)
_OFFS = const(138)
_END = const(139)
_WIN = const(140)
_WBITS = const(141)
_TOTAL = const(142)
_REM = const(143)  # + 1: never negative
_EXT = const(144)
_SIZE = const(145)
# Bits that the bands before have left, how many bands get pulses, the exponent of the bins; the filters' memory.
_BAL = const(146)
_CODED = const(147)
_EXP = const(148)
_X1 = const(149)
_Y1 = const(150)
_DC = const(151)
_STACK = const(160)  # 6 * 8
_TAIL = const(208)  # 40: the end of the frame before
_Y = const(256)  # 360: emphasised samples
_X = const(256)  # 320: bins
_RE = const(616)  # 160
_IM = const(776)  # 160
_PX = const(616)  # 48: a band (these three reuse the room of the FFT)
_SZ = const(664)  # 48
_PV = const(712)  # 48
_BUF = const(936)  # the frame

# Bytes.
_ORDER = const(0)
_EDGES = const(160)
_LOGN = const(178)
_MEANS = const(195)
_INTER = const(212)
_INTRA = const(246)
_ALLOC = const(280)
_COSTAT = const(467)
# Units of 16 bits.
_TWIST = const(403)
_ROOTS = const(723)
_WINDOW = const(973)
_LOG2 = const(1013)
_CAPS = const(1046)
_EXP2 = const(1063)
_TELL = const(1071)
_ROWS = const(1079)

_FRAME = const(320)
_LEAST = const(-28672)
_QUIET_FRAMES = const(10)
_REFRESH_FRAMES = const(20)


@micropython.viper
def emphasise(w: ptr32, pcm: ptr16, at: int) -> int:
    """320 samples from an offset, without their mean and emphasised, to _Y + 40; returns all their bits."""
    sign = 1
    sign = sign << 31
    y1 = (int(w[_Y1]) ^ sign) - sign
    x1 = (int(w[_X1]) ^ sign) - sign
    dc = (int(w[_DC]) ^ sign) - sign
    peak = 0
    i = 0
    while i < 40:
        x = int(w[_TAIL + i])
        w[_Y + i] = x
        x = (x ^ sign) - sign
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
    sign = 1
    sign = sign << 31
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
        y[n] = (((int(y[n]) ^ sign) - sign) << up) >> down
        n += 1
    # the overlapping ends, in place: y[20:40] and y[320:340]
    n = 20
    while n < 40:
        a = (int(y[39 - n]) ^ sign) - sign
        b = (int(y[n]) ^ sign) - sign
        y[n] = 0 - ((a * int(t[_WINDOW + 39 - n]) - b * int(t[_WINDOW + n]) + 16384) >> 15)
        n += 1
    n = 0
    while n < 20:
        a = (int(y[339 - n]) ^ sign) - sign
        b = (int(y[340 + n]) ^ sign) - sign
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
        a = 0 - ((int(z[0]) ^ sign) - sign)
        b = 0 - ((int(y[0]) ^ sign) - sign)
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
    sign = 1
    sign = sign << 31
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
                x = (int(p[0]) ^ sign) - sign
                y = (int(p[160]) ^ sign) - sign
                p[0] = (x * c + y * s + r) >> 14
                p[160] = (y * c - x * s + r) >> 14
                k += size
            j += 1
        part += 1


@micropython.viper
def four(w: ptr32, step: int):
    """A stage of radix 4; every value is halved."""
    sign = 1
    sign = sign << 31
    j = 0
    while j < step:
        p = ptr32(int(w) + 4 * _RE + 4 * j)
        end = int(w) + 4 * _IM
        hop = 4 * step
        while int(p) < end:
            a0 = (int(p[0]) ^ sign) - sign
            b0 = (int(p[160]) ^ sign) - sign
            q = ptr32(int(p) + hop)
            a1 = (int(q[0]) ^ sign) - sign
            b1 = (int(q[160]) ^ sign) - sign
            q = ptr32(int(q) + hop)
            x = (int(q[0]) ^ sign) - sign
            y = (int(q[160]) ^ sign) - sign
            a2 = a0 - x + 1
            a0 = a0 + x + 1
            b2 = b0 - y + 1
            b0 = b0 + y + 1
            q = ptr32(int(q) + hop)
            x = (int(q[0]) ^ sign) - sign
            y = (int(q[160]) ^ sign) - sign
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
    sign = 1
    sign = sign << 31
    k = 0
    while k < 320:
        # 16 real ones, 16 not; real and imaginary values alike
        p = ptr32(int(w) + 4 * _RE + 4 * k)
        x = (int(p[16]) ^ sign) - sign
        a = ((int(p[0]) ^ sign) - sign) + 1
        p[0] = (a + x) >> 1
        p[16] = (a - x) >> 1
        k += 1
        if k & 15 == 0:
            k += 16


@micropython.viper
def five(w: ptr32, t: ptr16) -> int:
    """The stage of radix 5, the twist, and the bins to _X; 0 where all of them are 0."""
    sign = 1
    sign = sign << 31
    r = 8192
    h = 16384
    f = ptr16(int(t) + 2 * _ROOTS)
    c1 = int(f[64]) - h
    s1 = int(f[65]) - h
    c2 = int(f[128]) - h
    s2 = int(f[129]) - h
    p = ptr32(int(w) + 4 * _RE)
    q = ptr32(int(w) + 4 * _IM)
    k = 0
    while k < 32:
        a0 = ((int(p[0]) ^ sign) - sign) + 2  # all + 2, to be quartered
        b0 = ((int(q[0]) ^ sign) - sign) + 2
        x = (int(p[32]) ^ sign) - sign
        y = (int(p[128]) ^ sign) - sign
        a1 = x + y
        a4 = x - y
        x = (int(q[32]) ^ sign) - sign
        y = (int(q[128]) ^ sign) - sign
        b1 = x + y
        b4 = x - y
        x = (int(p[64]) ^ sign) - sign
        y = (int(p[96]) ^ sign) - sign
        a2 = x + y
        a3 = x - y
        x = (int(q[64]) ^ sign) - sign
        y = (int(q[96]) ^ sign) - sign
        b2 = x + y
        b3 = x - y
        x = a0 + ((a1 * c1 + a2 * c2 + r) >> 14)
        y = (b4 * s1 + b3 * s2 + r) >> 14
        p[32] = x + y
        p[128] = x - y
        x = b0 + ((b1 * c1 + b2 * c2 + r) >> 14)
        y = (a4 * s1 + a3 * s2 + r) >> 14
        q[32] = x - y
        q[128] = x + y
        x = a0 + ((a1 * c2 + a2 * c1 + r) >> 14)
        y = (b4 * s2 - b3 * s1 + r) >> 14
        p[64] = x + y
        p[96] = x - y
        x = b0 + ((b1 * c2 + b2 * c1 + r) >> 14)
        y = (a4 * s2 - a3 * s1 + r) >> 14
        q[64] = x - y
        q[96] = x + y
        p[0] = a0 + a1 + a2
        q[0] = b0 + b1 + b2
        p = ptr32(int(p) + 4)
        q = ptr32(int(q) + 4)
        k += 1
    some = 0
    p = ptr32(int(w) + 4 * _RE)
    f = ptr16(int(t) + 2 * _TWIST)
    q = ptr32(int(w) + 4 * _X)
    z = ptr32(int(w) + 4 * (_X + 319))
    k = 0
    while k < 160:
        a = ((int(p[0]) ^ sign) - sign) >> 2
        b = ((int(p[160]) ^ sign) - sign) >> 2
        c = int(f[0])
        s = int(f[1])
        x = (a * c + b * s + r) >> 14
        y = (a * s - b * c + r) >> 14
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
    sign = 1
    sign = sign << 31
    i = 0
    while i < 17:
        first = int(u[_EDGES + i]) << 3
        count = (int(u[_EDGES + i + 1]) << 3) - first
        x = ptr32(int(w) + 4 * (_X + first))
        peak = 0
        j = 0
        while j < count:
            v = (int(x[j]) ^ sign) - sign
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
            v = (((int(x[j]) ^ sign) - sign) << up) >> down
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


@micropython.viper
def begin(w: ptr32, size: int):
    w[_VAL] = 0
    r = 1
    w[_RNG] = r << 31
    w[_OFFS] = 0
    w[_END] = 0
    w[_WIN] = 0
    w[_WBITS] = 0
    w[_TOTAL] = 33
    w[_REM] = 0
    w[_EXT] = 0
    w[_SIZE] = size
    i = 0
    while i < (size + 3) >> 2:
        w[_BUF + i] = 0
        i += 1


@micropython.viper
def encode(w: ptr32, low: int, width: int, total: int):
    """One symbol; total < 0: 1 << -total."""
    rng = uint(w[_RNG])
    val = uint(w[_VAL])
    if total < 0:
        total = 0 - total
        r = rng >> total
        k = 1
        total = k << total
    else:
        k = int(rng >> 1) // total
        r = uint(k << 1)
        if int(rng - r * uint(total)) >= total:
            r = r + uint(1)
    if low > 0:
        val = val + rng - r * uint(total - low)
        rng = r * uint(width)
    else:
        rng = rng - r * uint(total - width)
    if rng <= uint(0x800000):
        offs = int(w[_OFFS])
        rem = int(w[_REM])
        ext = int(w[_EXT])
        buf = ptr8(int(w) + 4 * _BUF)
        full = int(w[_SIZE]) - int(w[_END])
        while rng <= uint(0x800000):
            c = int(val >> 23)
            val = (val & uint(0x7FFFFF)) << 8
            rng = rng << 8
            w[_TOTAL] = int(w[_TOTAL]) + 8
            if c == 255:
                ext += 1
            else:
                if rem:
                    if offs < full:
                        buf[offs] = rem - 1 + (c >> 8)
                        offs += 1
                while ext:
                    if offs < full:
                        buf[offs] = 255 + (c >> 8)
                        offs += 1
                    ext -= 1
                rem = 1 + (c & 255)
        w[_OFFS] = offs
        w[_REM] = rem
        w[_EXT] = ext
    w[_RNG] = int(rng)
    w[_VAL] = int(val)


@micropython.viper
def raw(w: ptr32, value: int, count: int):
    """Raw bits from the back; count up to 24."""
    win = uint(w[_WIN])
    have = int(w[_WBITS])
    end = int(w[_END])
    buf = ptr8(int(w) + 4 * _BUF)
    while have >= 8:
        if int(w[_OFFS]) + end < int(w[_SIZE]):
            end += 1
            buf[int(w[_SIZE]) - end] = int(win & uint(255))
        win = win >> 8
        have -= 8
    w[_END] = end
    w[_WIN] = int(win | (uint(value) << have))
    w[_WBITS] = have + count
    w[_TOTAL] = int(w[_TOTAL]) + count


@micropython.viper
def tell(w: ptr32) -> int:
    r = uint(w[_RNG]) >> 23
    n = int(w[_TOTAL]) - 23
    while r:
        r = r >> 1
        n -= 1
    return n


@micropython.viper
def tell_frac(w: ptr32, t: ptr16) -> int:
    rng = uint(w[_RNG])
    r = rng >> 23
    n = 23
    while r:
        r = r >> 1
        n += 1
    v = int(rng >> (n - 16))
    b = (v >> 12) - 8
    if v > int(t[_TELL + b]):
        b += 1
    return (int(w[_TOTAL]) << 3) - ((n << 3) + b)


@micropython.viper
def coarse(ww, tt: ptr8, intra: int, bits: int):
    """_EN to symbols, _OLD and _ER."""
    w = ptr32(ww)
    sign = 1
    sign = sign << 31
    beta = 6554
    model = ptr8(int(tt) + _INTER)
    if intra:
        beta = 4915
        model = ptr8(int(tt) + _INTRA)
    decay = 16384
    if bits < 128:
        decay = bits << 4
    prev = 0
    i = 0
    while i < 17:
        o = (int(w[_OLD + i]) ^ sign) - sign
        e = (int(w[_EN + i]) ^ sign) - sign
        floor = o - decay
        if o < -9216:
            o = -9216
        pred = prev
        if not intra:
            pred += o >> 1
        f = e - pred
        q = (f + 512) >> 10
        if q < 0 and e < floor:
            q += (floor - e) >> 10
            if q > 0:
                q = 0
        t = bits - int(tell(ww))
        if i and t - 3 * (17 - i) < 30:
            if t - 3 * (17 - i) < 24 and q > 1:
                q = 1
            if t - 3 * (17 - i) < 16 and q < -1:
                q = -1
        if t >= 15:
            fs = int(model[2 * i]) << 7
            low = 0
            if q:
                fall = int(model[2 * i + 1]) << 6
                s = 0
                if q < 0:
                    s = -1
                size = (q + s) ^ s
                low = fs
                fs = (32736 - fs) * (16384 - fall) >> 15
                k = 1
                while k < size and fs > 0:
                    fs = fs << 1
                    low += fs + 2
                    fs = fs * fall >> 15
                    k += 1
                if fs == 0:
                    d = (((32768 - low) - s) >> 1) - 1
                    if size - k < d:
                        d = size - k
                    low += 2 * d + 1 + s
                    fs = 32768 - low
                    if fs > 1:
                        fs = 1
                    q = (k + d + s) ^ s
                else:
                    fs += 1
                    if s == 0:
                        low += fs
            encode(ww, low, fs, -15)
        elif t >= 2:
            if q > 1:
                q = 1
            if q < -1:
                q = -1
            if q == 0:
                encode(ww, 0, 2, -2)
            elif q < 0:
                encode(ww, 2, 1, -2)
            else:
                encode(ww, 3, 1, -2)
        elif t >= 1:
            if q > 0:
                q = 0
            if q:
                q = -1
            encode(ww, 0 - q, 1, -1)
        else:
            q = -1
        w[_ER + i] = f - (q << 10)
        e = pred + (q << 10)
        if e < _LEAST:
            e = _LEAST
        w[_OLD + i] = e
        prev += (q << 10) - (beta * q >> 5)
        i += 1


@micropython.viper
def zeros(ww, count: int, logp: int, limit: int) -> int:
    """``count`` zeros of probability 1 - 1 / 2**logp, as long as ``limit`` bits are not passed; how many."""
    w = ptr32(ww)
    rng = uint(w[_RNG])
    i = 0
    while i < count:
        # bits used, rounded up
        used = int(w[_TOTAL]) - 23
        r = rng >> 23
        while r:
            r = r >> 1
            used -= 1
        if used + logp > limit:
            break
        rng = rng - (rng >> logp)
        if rng <= uint(0x800000):
            w[_RNG] = int(rng)
            encode(ww, 0, 1, 1)  # a symbol that is certain: only moves bytes out
            rng = uint(w[_RNG])
        i += 1
    w[_RNG] = int(rng)
    return i


def flags(w, t):
    """No time-frequency change, the spread, no boost, the trim."""
    bits = w[_SIZE] << 3
    budget = bits - 1 if tell(w) + 5 <= bits else bits
    if zeros(w, 1, 4, budget):
        zeros(w, 16, 5, budget)
    if tell(w) + 4 <= bits:
        encode(w, 9, 21, -5)
    # for whole bits: tell_frac + 48 < 8 bits, when tell + 6 < bits for sure
    i = zeros(w, 17, 6, bits - 1)
    bits <<= 3
    while i < 17 and tell_frac(w, t) + 48 < bits:
        encode(w, 0, 63, -6)
        i += 1
    if tell_frac(w, t) + 48 <= bits:
        encode(w, 41, 46, -7)


@micropython.viper
def quality(w: ptr32, t: ptr8, row: int, more: int):
    """Bits of every band at one quality to _BASE, or what these are more than those to _MORE."""
    u = t
    caps = ptr16(int(t) + 2 * _CAPS)
    a = ptr8(int(u) + _ALLOC + 17 * row)
    i = 0
    while i < 17:
        n = int(u[_EDGES + i + 1]) - int(u[_EDGES + i])
        if row > 10:
            b = int(caps[i])
        else:
            b = n * int(a[i]) << 1
        if b > 0:
            b -= n * 3 * (16 - i)
            if b < 0:
                b = 0
        if more:
            b -= int(w[_BASE + i])
            if b < 0:
                b = 0
            w[_MORE + i] = b
        else:
            w[_BASE + i] = b
        i += 1


@micropython.viper
def used(w: ptr32, t: ptr8, part: int) -> int:
    """Bits that _BASE + part / 64 of _MORE takes; they go to _BITS."""
    u = t
    caps = ptr16(int(t) + 2 * _CAPS)
    total = 0
    done = 0
    i = 16
    while i >= 0:
        b = int(w[_BASE + i])
        if part:
            b += part * int(w[_MORE + i]) >> 6
        if not done:
            n = int(u[_EDGES + i + 1]) - int(u[_EDGES + i])
            n = n * 12
            if n < 8:
                n = 8
            if b >= n:
                done = 1
            elif b >= 8:
                b = 8
            else:
                b = 0
        n = int(caps[i])
        if b > n:
            b = n
        w[_BITS + i] = b
        total += b
        i -= 1
    return total


@micropython.viper
def share(ww, u: ptr8, total: int):
    """From _BITS to bits for pulses in _BITS, _FINE, _LATE, _CODED, _BAL."""
    w = ptr32(ww)
    caps = ptr16(int(u) + 2 * _CAPS)
    reserve = 0
    if total >= 8:
        reserve = 8
    total -= reserve
    taken = 0
    i = 0
    while i < 17:
        taken += int(w[_BITS + i])
        i += 1
    coded = 17
    left = 0
    each = 0
    while True:
        i = coded - 1
        edge = int(u[_EDGES + coded])
        if i == 0:
            total += reserve
            break
        left = total - taken
        each = left // edge
        left -= edge * each
        left -= int(u[_EDGES + i])
        if left < 0:
            left = 0
        n = edge - int(u[_EDGES + i])
        band = int(w[_BITS + i]) + each * n + left
        least = n * 12
        if least < 16:
            least = 16
        if band >= least:
            if coded <= 2 or band > n * 28:
                encode(ww, 1, 1, -1)
                break
            encode(ww, 0, 1, -1)
            taken += 8
            band -= 8
        taken -= int(w[_BITS + i])
        if band >= 8:
            taken += 8
            w[_BITS + i] = 8
        else:
            w[_BITS + i] = 0
        coded -= 1
    left = total - taken
    edge = int(u[_EDGES + coded])
    each = left // edge
    left -= edge * each
    over = 0
    i = 0
    while i < coded:
        n = int(u[_EDGES + i + 1]) - int(u[_EDGES + i])
        b = int(w[_BITS + i]) + each * n
        if left < n:
            b += left
            left = 0
        else:
            b += n
            left -= n
        n = n << 3
        bit = b + over
        excess = bit - int(caps[i])
        if excess < 0:
            excess = 0
        b = bit - excess
        log = n * (int(u[_LOGN + i]) + 24)
        offset = (log >> 1) - n * 21
        if b + offset < n << 4:
            offset += log >> 2
        elif b + offset < n * 24:
            offset += log >> 3
        f = b + offset + (n << 2)
        if f < 0:
            f = 0
        f = f // n >> 3
        if f > b >> 3:
            f = b >> 3
        if f > 8:
            f = 8
        late = 0
        if f * (n << 3) >= b + offset:
            late = 1
        b -= f << 3
        if excess > 0:
            extra = excess >> 3
            if extra > 8 - f:
                extra = 8 - f
            f += extra
            extra = extra << 3
            late = 0
            if extra >= excess - over:
                late = 1
            excess -= extra
        over = excess
        w[_BITS + i] = b
        w[_FINE + i] = f
        w[_LATE + i] = late
        i += 1
    while i < 17:
        f = int(w[_BITS + i]) >> 3
        w[_FINE + i] = f
        w[_BITS + i] = 0
        late = 0
        if f < 1:
            late = 1
        w[_LATE + i] = late
        i += 1
    w[_CODED] = coded
    w[_BAL] = over


def allocate(w, t, total):
    """Search the quality, and how far it is from the next, that the bits suffice for."""
    total = max(total, 0)
    rest = total - 8 if total >= 8 else total
    low = 1
    high = 10
    while low <= high:
        mid = (low + high) >> 1
        quality(w, t, mid, 0)
        if used(w, t, 0) > rest:
            high = mid - 1
        else:
            low = mid + 1
    quality(w, t, low - 1, 0)
    quality(w, t, low, 1)
    low = 0
    high = 64
    while high - low > 1:
        mid = (low + high) >> 1
        if used(w, t, mid) > rest:
            high = mid
        else:
            low = mid
    used(w, t, low)
    share(w, t, total)


@micropython.viper
def fine(ww):
    w = ptr32(ww)
    sign = 1
    sign = sign << 31
    i = 0
    while i < 17:
        n = int(w[_FINE + i])
        if n > 0:
            e = (int(w[_ER + i]) ^ sign) - sign
            q = ((e + 512) << n) >> 10
            top = 1
            top = (top << n) - 1
            if q < 0:
                q = 0
            if q > top:
                q = top
            raw(ww, q, n)
            q = (((2 * q + 1) << 10) >> (n + 1)) - 512
            w[_OLD + i] = int(w[_OLD + i]) + q
            w[_ER + i] = e - q
        i += 1


@micropython.viper
def late(ww, left: int):
    w = ptr32(ww)
    priority = 0
    while priority < 2:
        i = 0
        while i < 17 and left > 0:
            n = int(w[_FINE + i])
            if n < 8 and int(w[_LATE + i]) == priority:
                q = 1
                if int(w[_ER + i]) >> 31:  # the sign, on either machine
                    q = 0
                raw(ww, q, 1)
                q = ((q << 10) - 512) >> (n + 1)
                w[_OLD + i] = int(w[_OLD + i]) + q
                w[_ER + i] = int(w[_ER + i]) - q
                left -= 1
            i += 1
        priority += 1


@micropython.viper
def shape(ww, tt):
    """The pulses of all bands. A stack holds the second halves of bands that are split."""
    w = ptr32(ww)
    u = ptr8(tt)
    sign = 1
    sign = sign << 31
    stack = ptr32(int(w) + 4 * _STACK)
    total = int(w[_SIZE]) << 6
    balance = int(w[_BAL])
    coded = int(w[_CODED])
    band = 0
    while band < 17:
        told = int(tell_frac(ww, tt))
        if band:
            balance -= told
        remaining = total - told - 1
        b = 0
        if band < coded:
            k = coded - band
            if k > 3:
                k = 3
            if balance < 0:
                b = 0 - (0 - balance) // k
            else:
                b = balance // k
            b += int(w[_BITS + band])
            if b > remaining + 1:
                b = remaining + 1
            if b > 16383:
                b = 16383
            if b < 0:
                b = 0
        balance += int(w[_BITS + band]) + told
        at = int(u[_EDGES + band]) << 3
        n = (int(u[_EDGES + band + 1]) << 3) - at
        lm = 3
        depth = 0
        while True:
            k = _COSTAT + 2 * n
            costs = ptr8(int(u) + (int(u[k]) | int(u[k + 1]) << 8))
            top = int(costs[0])
            if lm >= 0 and b > int(costs[top]) + 12 and n > 2:
                # split
                n = n >> 1
                lm -= 1
                theta = int(split(ww, tt, at, n))
                packed = int(code_theta(ww, tt, theta, (b << 12) | (n << 6) | (int(u[_LOGN + band]) + (lm << 3))))
                # eighths used << 15 | theta
                theta = packed & 0x7FFF
                k = packed >> 15
                b -= k
                remaining -= k
                k = int(theta_delta(theta, n))
                k = b - k
                if k < 0:
                    k = 0 - ((0 - k) >> 1)
                else:
                    k = k >> 1
                if k > b:
                    k = b
                if k < 0:
                    k = 0
                # first part: k, second: b - k
                p = ptr32(int(stack) + 32 * depth)
                depth += 1
                p[1] = n
                p[3] = lm
                p[4] = remaining
                p[6] = 1
                if k >= b - k:
                    p[0] = at + n
                    p[2] = b - k
                    p[5] = k
                    b = k
                    if theta == 0:
                        p[6] = 0
                else:
                    p[0] = at
                    p[2] = k
                    p[5] = b - k
                    at += n
                    b = b - k
                    if theta == 16384:
                        p[6] = 0
                continue
            low = 0
            high = top
            b -= 1
            k = 0
            while k < 6:
                mid = (low + high + 1) >> 1
                if int(costs[mid]) >= b and mid:
                    high = mid
                else:
                    low = mid
                k += 1
            # costs of 0 pulses: -1 in this table's terms
            k = -1
            if low:
                k = int(costs[low])
            q = high
            mid = int(costs[high])
            if high == 0:
                mid = -1
            if b - k <= mid - b:
                q = low
            k = 0
            if q:
                k = int(costs[q]) + 1
            remaining -= k
            while remaining < 0 and q > 0:
                remaining += k
                q -= 1
                k = 0
                if q:
                    k = int(costs[q]) + 1
                remaining -= k
            if q:
                if q > 7:
                    q = (8 + (q & 7)) << ((q >> 3) - 1)
                if 2 * q < n:
                    k = 1
                    mid = 1
                    while mid * mid + mid < n:
                        mid += 1
                    if n < 8:
                        mid = 0
                    rotate(ww, ww, 0, (at << 14) | (n << 8) | (mid << 5) | q)
                else:
                    i = 0
                    while i < n:
                        w[_PX + i] = w[_X + at + i]
                        i += 1
                search(ww, n, 0, q)
                index(ww, tt, n)
            if depth == 0:
                break
            depth -= 1
            p = ptr32(int(stack) + 32 * depth)
            at = int(p[0])
            n = int(p[1])
            b = int(p[2])
            lm = (int(p[3]) ^ sign) - sign
            k = int(p[5]) - (((int(p[4]) ^ sign) - sign) - remaining)
            if k > 24 and int(p[6]):
                b += k - 24
        band += 1


@micropython.viper
def rotate(p: ptr32, q: ptr32, a: int, what: int):
    """A band from _X to _PX, spread; what: place, count, stride, pulses; 9, 6, 3, 5 bits."""
    sign = 1
    sign = sign << 31
    r = 16384
    base = int(p) + 4 * _PX
    stride = (what >> 5) & 7
    n = (what >> 8) & 63
    a = (32767 * n) // (n + 10 * (what & 31))
    a = a * a >> 16
    c = int(cosine(a >> 1))
    s = int(cosine((32767 - a) >> 1))
    q = ptr32(base)
    p = ptr32(int(p) + 4 * _X + 4 * (what >> 14))
    i = n
    while i:
        q[0] = p[0]
        p = ptr32(int(p) + 4)
        q = ptr32(int(q) + 4)
        i -= 1
    # first (c, -s) with a stride of 1, then (s, -c) with the other
    s = 0 - s
    step = 1
    while True:
        p = ptr32(base)
        q = ptr32(base + 4 * step)
        i = n - step
        while i > 0:
            a = (int(p[0]) ^ sign) - sign
            b = (int(q[0]) ^ sign) - sign
            q[0] = (c * b + s * a + r) >> 15
            p[0] = (c * a - s * b + r) >> 15
            p = ptr32(int(p) + 4)
            q = ptr32(int(q) + 4)
            i -= 1
        i = n - 2 * step
        p = ptr32(base + 4 * i - 4)
        q = ptr32(int(p) + 4 * step)
        while i > 0:
            a = (int(p[0]) ^ sign) - sign
            b = (int(q[0]) ^ sign) - sign
            q[0] = (c * b + s * a + r) >> 15
            p[0] = (c * a - s * b + r) >> 15
            p = ptr32(int(p) - 4)
            q = ptr32(int(q) - 4)
            i -= 1
        if stride == 0:
            break
        step = stride
        stride = 0
        a = c
        c = 0 - s
        s = 0 - a


@micropython.viper
def search(w: ptr32, n: int, a: int, k: int):
    """k pulses along the n values of _PX to _PV, with signs. The first three variables are in registers: the hot ones."""
    sign = 1
    sign = sign << 31
    px = ptr32(int(w) + 4 * _PX)
    count = n
    base = int(w) + 4 * _SZ
    total = 0
    w = ptr32(base)
    while n:
        a = (int(px[0]) ^ sign) - sign
        if a < 0:
            a = 0 - a
        w[0] = a
        w[48] = 0  # twice the pulses
        total += a
        px = ptr32(int(px) + 4)
        w = ptr32(int(w) + 4)
        n -= 1
    w = ptr32(base)
    if total == 0:
        w[48] = k
        return
    xy = 0
    yy = 0
    if k > count >> 1:
        scale = (k << 15) // total
        if scale > 0x3FFFF:
            scale = 0x3FFFF
        n = count
        while n:
            a = int(w[0])
            b = a * scale >> 15
            w[48] = b << 1
            xy += a * b
            yy += b * b
            k -= b
            w = ptr32(int(w) + 4)
            n -= 1
    while k > 0:
        shift = 0
        a = (xy + 4096) >> 15
        while a:
            a >>= 1
            shift += 1
        best = base
        num = -1
        den = 1
        yy += 1
        w = ptr32(base)
        n = count
        while n:
            a = (xy + int(w[0])) >> shift
            a = a * a >> 15
            b = yy + int(w[48])
            if a * den > num * b:
                num = a
                den = b
                best = int(w)
            w = ptr32(int(w) + 4)
            n -= 1
        w = ptr32(best)
        xy += int(w[0])
        yy = den
        w[48] = int(w[48]) + 2
        k -= 1
    w = ptr32(base)
    px = ptr32(base - 4 * (_SZ - _PX))
    n = count
    while n:
        a = int(w[48]) >> 1
        if int(px[0]) >> 31:
            a = 0 - a
        w[48] = a
        px = ptr32(int(px) + 4)
        w = ptr32(int(w) + 4)
        n -= 1


@micropython.viper
def index(ww, tt, n: int):
    """Codes the word of n values in _PV."""
    w = ptr32(ww)
    t = ptr16(tt)
    sign = 1
    sign = sign << 31
    p = ptr32(int(w) + 4 * (_PV - 1) + 4 * n)
    rows = ptr16(int(t) + 2 * _ROWS)
    table = ptr32(int(t))
    value = uint(0)
    words = uint(0)
    k = 0
    i = 1
    while True:
        q = k
        again = 1
        if i <= n:
            a = i
            y = (int(p[0]) ^ sign) - sign
            if y < 0:
                k -= y
            else:
                k += y
                again = 0
        else:  # at last: how many words there are
            words = value
            value = uint(0)
            a = n
        while True:
            # U(a, q)
            b = q
            if b > a:
                b = a
                if b < 3:
                    if b == 1:
                        value = value + uint(1)
                    else:
                        value = value + uint(2 * q - 1)
                else:
                    value = value + uint(table[int(rows[b]) + q])
            elif b:
                if b < 3:
                    if b == 1:
                        value = value + uint(1)
                    else:
                        value = value + uint(2 * a - 1)
                else:
                    value = value + uint(table[int(rows[b]) + a])
            if again == 0:
                break
            again = 0
            q = k + 1
        if i > n:
            break
        i += 1
        p = ptr32(int(p) - 4)
    # value is their number now, words the index
    value = value - uint(1)
    i = 0
    rest = value >> 8
    while rest:
        rest = rest >> 1
        i += 1
    encode(ww, int(words >> i), 1, int(value >> i) + 1)
    if i:
        y = 1
        y = (y << i) - 1
        if i > 16:  # a small integer holds 30 bits: fine, but raw() takes 24
            raw(ww, int(words) & 0xFFFF, 16)
            raw(ww, int(words >> 16) & (y >> 16), i - 16)
        else:
            raw(ww, int(words) & y, i)


@micropython.viper
def split(w: ptr32, t: ptr16, at: int, n: int) -> int:
    """atan2 of the second to the first half: 1/16384 of a quarter turn."""
    sign = 1
    sign = sign << 31
    x = ptr32(int(w) + 4 * (_X + at))
    mid = 0
    side = 0
    i = 0
    while i < n:
        a = (int(x[i]) ^ sign) - sign
        mid += a * a
        a = (int(x[n + i]) ^ sign) - sign
        side += a * a
        i += 1
    if mid == 0 and side == 0:
        return 8192
    # square roots
    i = 0
    while i < 2:
        a = mid
        if a:
            b = 0
            while a:
                a >>= 1
                b += 1
            a = 1
            a = a << ((b + 1) >> 1)
            while True:
                b = (a + mid // a) >> 1
                if b >= a:
                    break
                a = b
        mid = side
        side = a
        i += 1
    if side <= mid:
        a = (side << 15) // mid
        return a * (8192 + (2847 * (32768 - a) >> 15)) >> 15
    a = (mid << 15) // side
    return 16384 - (a * (8192 + (2847 * (32768 - a) >> 15)) >> 15)


@micropython.viper
def code_theta(ww, tt, theta: int, what: int) -> int:
    """what: bits << 12 | n << 6 | log2(n)'s eighths; returns eighths of a bit used << 15 | the angle coded."""
    t = ptr16(tt)
    cap = what & 63
    n = (what >> 6) & 63
    b = what >> 12
    k = 2 * n - 1
    qb = b + k * ((cap >> 1) - 4)
    if qb < 0:
        qb = 0 - (0 - qb) // k
    else:
        qb = qb // k
    if qb > b - cap - 32:
        qb = b - cap - 32
    if qb > 64:
        qb = 64
    if qb < 4:
        return 0
    qn = (int(t[_EXP2 + (qb & 7)]) >> (14 - (qb >> 3))) + 1
    qn = qn >> 1 << 1
    told = int(tell_frac(ww, tt))
    theta = (theta * qn + 8192) >> 14
    half = qn >> 1
    total = (half + 1) * (half + 1)
    if theta <= half:
        encode(ww, theta * (theta + 1) >> 1, theta + 1, total)
    else:
        k = qn + 1 - theta
        encode(ww, total - (k * (k + 1) >> 1), k, total)
    return (int(tell_frac(ww, tt)) - told) << 15 | (theta * 16384 // qn)


@micropython.viper
def cosine(a: int) -> int:
    """cos(a pi / 2 / 16384), as the decoder has it."""
    b = (4096 + a * a) >> 13
    a = 8277 + ((16384 - 626 * b) >> 15)
    a = -7651 + ((16384 + b * a) >> 15)
    return 1 + (32767 - b) + ((16384 + b * a) >> 15)


def theta_delta(theta, n):
    """What the two halves of a band of 2 n bins differ by, in 1/8 bits, at an angle."""
    if theta == 0 or theta == 16384:
        return 2 * theta - 16384
    s = cosine(16384 - theta)
    c = cosine(theta)
    x = 0
    while s < 16384:
        s <<= 1
        x -= 2048
    while c < 16384:
        c <<= 1
        x += 2048
    x += (16384 + s * (7932 + ((16384 - s * 2597) >> 15))) >> 15
    x -= (16384 + c * (7932 + ((16384 - c * 2597) >> 15))) >> 15
    return (16384 + ((n - 1) << 7) * x) >> 15


@micropython.viper
def done(ww):
    """The last bytes of both sides."""
    w = ptr32(ww)
    rng = uint(w[_RNG])
    val = uint(w[_VAL])
    n = 32
    r = rng
    while r:
        r = r >> 1
        n -= 1
    mask = uint(1)
    mask = (mask << 31) - uint(1)
    mask = mask >> n
    end = val + mask
    end = end - (end & mask)
    if (end | mask) >= val + rng:
        n += 1
        mask = mask >> 1
        end = val + mask
        end = end - (end & mask)
    # The coder itself moves one or two bytes out, and one more that keeps nothing behind.
    w[_VAL] = int(end)
    k = 1
    k = k << (23 - ((n + 7) & 24))
    w[_RNG] = k
    encode(ww, 0, 1, 1)
    raw(ww, 0, 0)
    last = int(w[_SIZE]) - int(w[_END]) - 1
    have = int(w[_WBITS])
    if have and last >= 0:
        buf = ptr8(int(w) + 4 * _BUF)
        buf[last] = int(buf[last]) | int(w[_WIN])


class OpusEncoder:
    """bitrate in bit/s, 6000 ... 64000; frame_ms: 20, 40 or 60, what a packet holds. 16-bit samples, 16 kHz, mono.

    quiet: where not 0, packets whose samples (after the pre-emphasis) stay below it are left out after a while: what is
    sent instead says so in one or two bytes, and the decoder goes on with the noise that it knows.
    """

    def __init__(self, bitrate=24000, frame_ms=60, quiet=0):
        self._count = frame_ms // 20
        self._header = 1 if self._count == 1 else 2
        self._size = (bitrate * frame_ms // 8000 - self._header) // self._count
        if not 6000 <= bitrate <= 64000 or frame_ms not in (20, 40, 60):
            raise ValueError("6000 to 64000 bit/s, packets of 20, 40 or 60 ms")
        self.packet_bytes = self._header + self._count * self._size
        self._quiet = quiet
        self._words = array("i", bytes(4 * (_BUF + (self._size + 3) // 4)))
        self.reset()

    def reset(self):
        """Begin a stream: nothing is remembered."""
        w = self._words
        for i in range(_BUF):
            w[i] = 0
        self._intra = 1  # the next frame must not rely on the one before
        self._frame = 0
        self._quiet_frames = 0
        self._left_out = 0

    def feed(self, pcm, start, out, at):
        """Take 20 ms, 320 samples from a place on; returns the length of a packet that is complete now, 0 for none.

        The packet is written to out at an offset, which stays the same until it is complete.
        """
        if not self._frame:
            out[at] = 0xB8 if self._count == 1 else 0xBB  # CELT, wideband, 20 ms, mono; one frame, or several
            if self._count > 1:
                out[at + 1] = self._count
        self._encode(pcm, start)
        memcopy(out, at + self._header + self._frame * self._size, self._words, 4 * _BUF, self._size)
        self._frame += 1
        if self._frame < self._count:
            return 0
        self._frame = 0
        if not self._quiet or self._quiet_frames < _QUIET_FRAMES or self._left_out >= _REFRESH_FRAMES:
            self._left_out = 0
            return self.packet_bytes
        self._left_out += self._count
        self._intra = 1
        return self._header

    def _encode(self, pcm, start):
        w = self._words
        t = _tables
        peak = emphasise(w, pcm, start)
        self._quiet_frames = self._quiet_frames + 1 if peak < self._quiet else 0
        fold(w, t, peak)
        four(w, 1)
        turn(w, t, 4, 4)
        four(w, 4)
        turn(w, t, 16, 2)
        two(w)
        turn(w, t, 32, 5)
        some = five(w, t)
        begin(w, self._size)
        bits = self._size << 3
        if not some:
            encode(w, 32767, 1, -15)
            for i in range(17):
                w[_OLD + i] = _LEAST
            w[_TOTAL] += bits - tell(w)
            done(w)
            return
        encode(w, 0, 32767, -15)
        if tell(w) + 16 <= bits:
            encode(w, 0, 1, -1)  # no pitch filter
        if tell(w) + 3 <= bits:
            encode(w, 0, 7, -3)  # not transient
        energies(w, t)
        intra = self._intra
        self._intra = 0
        if tell(w) + 3 <= bits:
            if intra:
                encode(w, 7, 1, -3)
            else:
                encode(w, 0, 7, -3)
        else:
            intra = 0
        coarse(w, t, intra, bits)
        flags(w, t)
        allocate(w, t, (bits << 3) - tell_frac(w, t) - 1)
        fine(w)
        shape(w, t)
        late(w, bits - tell(w))
        done(w)


# In an array they are aligned, as 32-bit loads want it.
_tables = array("I", TABLES)
unload_modules("opus_tables")
