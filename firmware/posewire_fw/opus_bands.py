"""The Opus encoder's bands: energies, bits, pulses; opus_encoder says how its memory is passed.

p: a pointer to w that is moved on from band to band. All of it is one walk over the bands; apart, the places in w would
be there twice: constants are a module's own.
"""

# Arrays are pointers to machine code.
# pyright: reportArgumentType=false

from array import array

import micropython
from micropython import const

from posewire_fw.opus_range import encode, raw, tell, tell_frac
from posewire_fw.opus_tables import TABLES
from posewire_fw.unload import unload_modules

# Places in w.
_OLD = const(0)  # 17: log2 energies as the decoder has them
_EN = const(17)  # 17: those of this frame
_ER = const(34)  # 17: what the decoder's are short of
_BITS = const(51)  # 17: of each band
_FINE = const(68)  # 17: bits of the fine energies
_LATE = const(85)  # 17: who gets what remains
_BASE = const(102)  # 17: bits at a quality
_MORE = const(119)  # 17: what the next has more
_SIZE = const(145)
_BAL = const(146)  # what the bands before have left
_CODED = const(147)  # how many bands get pulses
_EXP = const(148)  # of the bins
_STACK = const(160)  # 6 * 8
_X = const(256)  # 320: bins, in the same room
_PX = const(616)  # 48: a band (these three reuse the room of the FFT)
_SZ = const(664)  # 48
_PV = const(712)  # 48
# Places in t.
_EDGES = const(160)
_LOGN = const(178)
_INTER = const(212)
_INTRA = const(246)
_ALLOC = const(280)
_COSTAT = const(467)
_CAPS = const(1046)
_ROWS = const(1071)
_LEAST = const(-28672)
# In an array they are aligned, as 32-bit loads want it.
tables = array("I", TABLES)
edges = TABLES[_EDGES : _EDGES + 18]
del TABLES
unload_modules("opus_tables")
# 2 ** (i / 8), Q14.
_EIGHTHS = (16384, 17866, 19483, 21247, 23170, 25267, 27554, 30048)


@micropython.viper
def coarse(p: ptr32, model: ptr8, intra: int, w):
    """_EN to symbols, _OLD and _ER. p: w, moved on from band to band."""
    sign_bit = 1
    sign_bit = sign_bit << 31
    bits = int(p[_SIZE]) << 3
    beta = 6554
    if intra:
        beta = 4915
        model = ptr8(int(model) + _INTRA)
    else:
        model = ptr8(int(model) + _INTER)
    decay = 16384
    if bits < 128:
        decay = bits << 4
    prev = 0
    i = 17
    while i:
        o = (int(p[_OLD]) ^ sign_bit) - sign_bit
        f = (int(p[_EN]) ^ sign_bit) - sign_bit
        least = o - decay - f  # the energy falls no faster
        pred = prev
        if not intra:
            if o < -9216:
                o = -9216
            pred += o >> 1
        f -= pred
        q = (f + 512) >> 10
        if q < 0 and least > 0:
            q += least >> 10
            if q > 0:
                q = 0
        t = bits - int(tell(w))
        k = t - 3 * i
        if i < 17 and k < 24:
            if q > 1:
                q = 1
            if k < 16 and q < -1:
                q = -1
        if t >= 15:
            fs = int(model[0]) << 7
            low = 0
            if q:
                fall = int(model[1]) << 6
                s = q >> 31
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
            encode(w, low, fs, -15)
        elif t >= 2:
            if q > 1:
                q = 1
            if q < -1:
                q = -1
            low = 0
            if q:
                low = (5 + q) >> 1
            fs = 2
            if q:
                fs = 1
            encode(w, low, fs, -2)
        elif t >= 1:
            q = q >> 31
            encode(w, 0 - q, 1, -1)
        else:
            q = -1
        k = q << 10
        p[_ER] = f - k
        pred += k
        if pred < _LEAST:
            pred = _LEAST
        p[_OLD] = pred
        prev += k - (beta * q >> 5)
        p = ptr32(int(p) + 4)
        model = ptr8(int(model) + 2)
        i -= 1


@micropython.viper
def quality(p: ptr32, t: ptr8, row: int, more: int):
    """Bits of every band at one quality to _BASE, or what these are more than those to _MORE. p: w, moved on."""
    caps = ptr16(int(t) + 2 * _CAPS)
    a = ptr8(int(t) + _ALLOC + 17 * row)
    t = ptr8(int(t) + _EDGES)
    i = 16
    while i >= 0:
        n = int(t[1]) - int(t[0])
        if row > 10:
            b = int(caps[16 - i])
        else:
            b = n * int(a[0]) << 1
        if b > 0:
            b -= n * 3 * i
            if b < 0:
                b = 0
        if more:
            b -= int(p[_BASE])
            if b < 0:
                b = 0
            p[_MORE] = b
        else:
            p[_BASE] = b
        p = ptr32(int(p) + 4)
        t = ptr8(int(t) + 1)
        a = ptr8(int(a) + 1)
        i -= 1


@micropython.viper
def used(p: ptr32, t: ptr8, part: int) -> int:
    """Bits that _BASE + part / 64 of _MORE takes; they go to _BITS. p: w, moved on."""
    caps = ptr16(int(t) + 2 * (_CAPS + 16))
    t = ptr8(int(t) + _EDGES + 16)
    p = ptr32(int(p) + 64)
    total = 0
    done = 0
    i = 17
    while i:
        b = int(p[_BASE]) + (part * int(p[_MORE]) >> 6)
        if not done:
            n = (int(t[1]) - int(t[0])) * 12
            if b >= n:
                done = 1
            elif b >= 8:
                b = 8
            else:
                b = 0
        n = int(caps[0])
        if b > n:
            b = n
        p[_BITS] = b
        total += b
        p = ptr32(int(p) - 4)
        t = ptr8(int(t) - 1)
        caps = ptr16(int(caps) - 2)
        i -= 1
    return total


@micropython.viper
def share(p: ptr32, t: ptr8, left: int):
    """From _BITS, and what is left, to bits for pulses in _BITS, _FINE, _LATE, _BAL. p: w, moved on."""
    w = ptr32(int(p))
    coded = int(p[_CODED])
    caps = ptr16(int(t) + 2 * _CAPS)
    logs = ptr8(int(t) + _LOGN)
    t = ptr8(int(t) + _EDGES)
    n = int(t[coded])
    each = left // n
    left -= n * each
    over = 0
    i = 0
    while i < 17:
        late = 0
        b = int(p[_BITS])
        f = b >> 3
        if i < coded:
            n = int(t[1]) - int(t[0])
            b += each * n
            if left < n:
                b += left
                left = 0
            else:
                b += n
                left -= n
            n = n << 3
            bit = b + over
            excess = bit - int(caps[0])
            if excess < 0:
                excess = 0
            b = bit - excess
            log = n * (int(logs[0]) + 24)
            offset = (log >> 1) - n * 21 + b
            if offset < n << 4:
                offset += log >> 2
            elif offset < n * 24:
                offset += log >> 3
            f = offset + (n << 2)
            if f < 0:
                f = 0
            f = f // n >> 3
            if f > b >> 3:
                f = b >> 3
            if f > 8:
                f = 8
            if f * (n << 3) >= offset:
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
        else:
            b = 0
            if f < 1:
                late = 1
        p[_BITS] = b
        p[_FINE] = f
        p[_LATE] = late
        p = ptr32(int(p) + 4)
        t = ptr8(int(t) + 1)
        logs = ptr8(int(logs) + 1)
        caps = ptr16(int(caps) + 2)
        i += 1
    w[_BAL] = over


@micropython.viper
def fine(p: ptr32, i: int, w):
    """The fine energies: _ER and _OLD come nearer. p: w, moved on; i: how many bands."""
    sign_bit = 1
    sign_bit = sign_bit << 31
    while i:
        n = int(p[_FINE])
        if n > 0:
            e = (int(p[_ER]) ^ sign_bit) - sign_bit
            q = ((e + 512) << n) >> 10
            top = 1
            top = (top << n) - 1
            if q < 0:
                q = 0
            if q > top:
                q = top
            raw(w, q, n)
            q = (((2 * q + 1) << 10) >> (n + 1)) - 512
            p[_OLD] = int(p[_OLD]) + q
            p[_ER] = e - q
        p = ptr32(int(p) + 4)
        i -= 1


@micropython.viper
def late(p: ptr32, left: int, w):
    """One bit more for the energies of some bands, as long as there are bits left. p: w, moved on."""
    i = 0
    while i < 34 and left > 0:
        n = int(p[_FINE])
        if n < 8 and int(p[_LATE]) == int(i > 16):
            q = 1
            if int(p[_ER]) >> 31:  # the sign, on either machine
                q = 0
            raw(w, q, 1)
            q = ((q << 10) - 512) >> (n + 1)
            p[_OLD] = int(p[_OLD]) + q
            p[_ER] = int(p[_ER]) - q
            left -= 1
        p = ptr32(int(p) + 4)
        i += 1
        if i == 17:
            p = ptr32(int(p) - 68)


@micropython.viper
def shape(ww, tt):
    """The pulses of all bands. A stack holds the second halves of bands that are split."""
    w = ptr32(ww)
    u = ptr8(tt)
    sign_bit = 1
    sign_bit = sign_bit << 31
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
        bits = int(w[_BITS + band])
        k = coded - band
        if k > 0:
            if k > 3:
                k = 3
            if balance < 0:
                b = 0 - (0 - balance) // k
            else:
                b = balance // k
            b += bits
            if b > remaining + 1:
                b = remaining + 1
            if b > 16383:
                b = 16383
            if b < 0:
                b = 0
        balance += bits + told
        at = int(u[_EDGES + band]) << 3
        n = (int(u[_EDGES + band + 1]) << 3) - at
        lm = 4  # one more than it is: never negative
        p = ptr32(int(w) + 4 * _STACK)
        while True:
            k = _COSTAT + 2 * n
            costs = ptr8(int(u) + (int(u[k]) | int(u[k + 1]) << 8))
            top = int(costs[0])
            if lm and b > int(costs[top]) + 12 and n > 2:
                n = n >> 1
                lm -= 1
                theta = 0
                k = int(levels(n, b, int(u[_LOGN + band]) + (lm << 3) - 8))
                if k > 1:
                    # eighths used << 15 | the angle
                    k = int(code_theta(ww, at, n, k))
                    theta = k & 0x7FFF
                    k = k >> 15
                    b -= k
                    remaining -= k
                k = (b - int(theta_delta(theta, n))) >> 1
                if k < 0:
                    k = 0
                if k > b:
                    k = b
                # k for the first half, the rest for the second
                p[0] = at + n
                p[1] = n
                p[3] = lm
                if k + k >= b:
                    p[2] = b - k
                    b = k
                else:
                    p[0] = at
                    p[2] = k
                    at += n
                    b -= k
                    theta = 16384 - theta
                # what is left of it beyond 24 goes to the half that waits, unless that is empty
                p[4] = b - remaining
                if theta == 0:
                    p[4] = 0 - 32768
                p = ptr32(int(p) + 32)
                continue
            # the number of pulses whose cost is nearest
            b -= 1
            low = -1
            q = 0
            while q < top:
                q += 1
                k = int(costs[q])
                if k >= b:
                    if b - low <= k - b:
                        q -= 1
                    break
                low = k
            while q:
                k = int(costs[q]) + 1
                if k <= remaining:
                    break
                q -= 1
            if q:
                remaining -= k
                if q > 7:
                    q = (8 + (q & 7)) << ((q >> 3) - 1)
                if 2 * q < n:
                    rotate(ww, ww, 0, (at << 14) | (n << 8) | q)
                    search(ww, n, _PX, q)
                else:
                    search(ww, n, _X + at, q)
                index(ww, tt, n)
            if int(p) == int(w) + 4 * _STACK:
                break
            p = ptr32(int(p) - 32)
            at = int(p[0])
            n = int(p[1])
            b = int(p[2])
            lm = int(p[3])
            k = ((int(p[4]) ^ sign_bit) - sign_bit) + remaining
            if k > 24:
                b += k - 24
        band += 1


@micropython.viper
def rotate(p: ptr32, q: ptr32, a: int, what: int):
    """A band from _X to _PX, spread over its bins; p and q: w; what: place, count, pulses; 9, 6, 8 bits."""
    sign_bit = 1
    sign_bit = sign_bit << 31
    r = 16384
    base = int(p) + 4 * _PX
    n = (what >> 8) & 63
    stride = 0
    if n >= 8:
        stride = 1
        while stride * stride + stride < n:
            stride += 1
    a = (32767 * n) // (n + 10 * (what & 255))
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
            a = (int(p[0]) ^ sign_bit) - sign_bit
            b = (int(q[0]) ^ sign_bit) - sign_bit
            q[0] = (c * b + s * a + r) >> 15
            p[0] = (c * a - s * b + r) >> 15
            p = ptr32(int(p) + 4)
            q = ptr32(int(q) + 4)
            i -= 1
        i = n - 2 * step
        p = ptr32(base + 4 * i - 4)
        q = ptr32(int(p) + 4 * step)
        while i > 0:
            a = (int(p[0]) ^ sign_bit) - sign_bit
            b = (int(q[0]) ^ sign_bit) - sign_bit
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
    """k pulses along the n values from a place on, to _PV, with signs."""
    sign_bit = 1
    sign_bit = sign_bit << 31
    px = ptr32(int(w) + 4 * a)
    count = n
    base = int(w) + 4 * _SZ
    total = 0
    w = ptr32(base)
    while n:
        a = (int(px[0]) ^ sign_bit) - sign_bit
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
    px = ptr32(int(px) - 4 * count)
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
    sign_bit = 1
    sign_bit = sign_bit << 31
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
            y = (int(p[0]) ^ sign_bit) - sign_bit
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
    sign_bit = 1
    sign_bit = sign_bit << 31
    x = ptr32(int(w) + 4 * (_X + at))
    mid = 0
    side = 0
    i = 0
    while i < n:
        a = (int(x[i]) ^ sign_bit) - sign_bit
        mid += a * a
        a = (int(x[n + i]) ^ sign_bit) - sign_bit
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


def levels(n, b, cap):
    """How finely the angle between two halves of n bins is coded; cap: log2 of n, and more, in 1/8."""
    b = min((b + (2 * n - 1) * ((cap >> 1) - 4)) // (2 * n - 1), b - cap - 32, 64)
    if b < 4:
        return 1
    return (_EIGHTHS[b & 7] >> (14 - (b >> 3))) + 1 >> 1 << 1


def code_theta(w, at, n, steps):
    """Code the angle between two halves of n bins; returns eighths of a bit used << 15 | the angle."""
    w[_EXP] = tell_frac(w, tables)
    at = (split(w, tables, at, n) * steps + 8192) >> 14
    n = ((steps >> 1) + 1) * ((steps >> 1) + 1)
    if at + at <= steps:
        encode(w, at * (at + 1) >> 1, at + 1, n)
    else:
        encode(w, n - ((steps + 1 - at) * (steps + 2 - at) >> 1), steps + 1 - at, n)
    return (tell_frac(w, tables) - w[_EXP]) << 15 | at * 16384 // steps


@micropython.viper
def cosine(a: int) -> int:
    """cos(a pi / 2 / 16384), as the decoder has it."""
    b = (4096 + a * a) >> 13
    a = 8277 + ((16384 - 626 * b) >> 15)
    a = -7651 + ((16384 + b * a) >> 15)
    return 1 + (32767 - b) + ((16384 + b * a) >> 15)


def logarithm(v):
    """log2 of a Q15 value in 1/2048, as the decoder has it, but for a constant."""
    x = 0
    while v < 16384:
        v <<= 1
        x -= 2048
    return x + ((16384 + v * (7932 + ((16384 - v * 2597) >> 15))) >> 15)


def theta_delta(theta, n):
    """The difference between the halves of a band of 2 n bins, in 1/8 bits, at an angle."""
    if theta == 0 or theta == 16384:
        return 2 * theta - 16384
    theta = logarithm(cosine(16384 - theta)) - logarithm(cosine(theta))
    return (16384 + ((n - 1) << 7) * theta) >> 15
