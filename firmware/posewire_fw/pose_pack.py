"""The encoder's integer loops in viper; ``pose_core`` says how buffers are passed.

They are one file because the places below are constants, which are a module's own: apart, each part would repeat them.
"""

import micropython
from micropython import const

from posewire_fw.pose_core import BUCKET

# Places in the list of buffers, as in pose_core: where it is a module's own, a constant costs no memory.
_PLAN = const(0)
_X = const(1)
_BASE = const(2)
_TEMPLATE = const(3)
_INTRA_SCALE = const(4)
_START_SCALE = const(5)
_EMA = const(6)
_W = const(7)
_START_WEIGHT = const(8)
_TODO = const(9)
_VALID = const(10)
_E = const(11)
_D = const(12)
_RES = const(13)
_CTX = const(14)
_WORK = const(15)
_CUM = const(16)
_BUF = const(17)
_MARKS = const(18)
_CHANNELS = const(19)
_INTRA = const(20)
_POS = const(22)
_END = const(23)
_X1 = const(24)


@micropython.viper
def quantise(v: int, m: int, c: int, args) -> int:
    """args = [src, dst, bits, there]: float32 landmarks, straight from their bits, to the grid; there[i] = 0
    where one has a
    NaN or infinity.

    bits: landmark count (two bytes), channels, limit (two bytes), 150 less the exponent of each channel. Halves away
    from zero. Returns how many landmarks are missing.
    """
    a = args
    s = ptr32(a[0])
    d = ptr16(a[1])
    bb = ptr8(a[2])
    th = ptr8(a[3])
    marks = bb[0] | (bb[1] << 8)
    ch = bb[2]
    stop = 5 + ch
    limit = bb[3] | (bb[4] << 8)
    i = 0
    q = 0
    missing = 0
    while i < marks:
        ok = 1
        c = 5
        while c < stop:
            v = s[q]
            sh = bb[c] - ((v >> 23) & 255)
            if sh > 24:  # less than half a step, zero and denormal numbers included
                m = 0
            else:
                m = limit
                if sh > 0:
                    m = (((v & 0x7FFFFF) | 0x800000) + (1 << (sh - 1))) >> sh
                    if m > limit:
                        m = limit
                elif (v >> 23) & 255 == 255:
                    ok = 0
                if (v >> 31) & 1:
                    m = 0 - m
            d[q] = m
            q += 1
            c += 1
        th[i] = ok
        if ok == 0:
            missing += 1
            c = 1
            while c <= ch:
                d[q - c] = 0
                c += 1
        i += 1
    return missing


@micropython.viper
def quantise16(src, dst, n: int, coarse: int):
    """Raw 16-bit integers, the step being 2 ** coarse."""
    s = ptr16(src)
    d = ptr16(dst)
    i = 0
    while i < n:
        v = (s[i] ^ 0x8000) - 0x8000
        neg = 0
        if v < 0:
            v = 0 - v
            neg = 1
        if coarse > 0:
            v = (v + (1 << (coarse - 1))) >> coarse
        if v > 32767:
            v = 32767
        if neg:
            v = 0 - v
        d[i] = v
        i += 1


@micropython.viper
def gain_of(ema, start_scale, shape: int, c: int) -> int:
    """How far the scales of channel c have moved from their start, as a gain code; shape as above."""
    a = ptr16(ema)
    b = ptr16(start_scale)
    ch = shape & 255
    n = (shape >> 8) * ch
    now = 0
    start = 0
    while c < n:
        now += int(a[c])
        start += b[c]
        c += ch
    # 32 bits: 1000 landmarks of 32767 leave six bits of room, so compare with both sides shifted down
    best = 0
    g = 0
    while g < 48:
        sh = (g >> 2) - 8
        f = 4 + (g & 3)
        if sh >= 0:
            if start * f <= (4 * now) >> sh:
                best = g
        elif (start * f) >> (0 - sh) <= 4 * now:
            if (start * f) >> (0 - sh) < 4 * now or ((start * f) & ((1 << (0 - sh)) - 1)) == 0:
                best = g
        g += 1
    return best


@micropython.viper
def same_present(a, b, there, shape: int) -> int:
    """Whether two frames are equal in the landmarks that are there; shape = landmarks << 8 | channels."""
    p = ptr16(a)
    r = ptr16(b)
    t = ptr8(there)
    ch = shape & 255
    marks = shape >> 8
    i = 0
    q = 0
    while i < marks:
        c = 0
        while c < ch:
            if t[i] != 0 and p[q] != r[q]:
                return 0
            q += 1
            c += 1
        i += 1
    return 1


@micropython.viper
def pick_mode(cx) -> int:
    """The temporal mode: 0 hold, 1 half momentum, 2 full momentum. BASE holds the frame before the reference."""
    ct = cx
    plan = ptr16(ct[_PLAN])
    todo = ptr8(ct[_TODO])
    x = ptr16(ct[_X])
    x1 = ptr16(ct[_X1])
    x2 = ptr16(ct[_BASE])
    sums = ptr32(ct[_WORK])
    marks = int(ct[_MARKS])
    ch = int(ct[_CHANNELS])
    cc = ch
    if cc > 3:
        cc = 3
    c = 0
    while c < 9:
        sums[c] = 0
        c += 1
    step = 1
    if marks >= 32:
        step = marks // 16
    j = marks - 1
    seen = 0
    while j >= 0 and seen < 16:
        at = 5 * j
        j -= step
        seen += 1
        b = plan[at]
        if todo[b // ch] != 1:
            continue
        k = plan[at + 1]
        c = 0
        while c < cc:
            q = b + c
            r = (x1[q] ^ 0x8000) - 0x8000
            v = ((x[q] ^ 0x8000) - 0x8000) - r
            h = r - ((x2[q] ^ 0x8000) - 0x8000)
            if k:
                va = 0
                ha = 0
                n = 0
                while n < k:
                    q = plan[at + 2 + n] + c
                    r = (x1[q] ^ 0x8000) - 0x8000
                    va += ((x[q] ^ 0x8000) - 0x8000) - r
                    ha += r - ((x2[q] ^ 0x8000) - 0x8000)
                    n += 1
                if k == 2:
                    va >>= 1
                    ha >>= 1
                elif k == 3:
                    va = (va * 85) >> 8
                    ha = (ha * 85) >> 8
                v -= va
                h -= ha
            z = v
            if z < 0:
                z = 0 - z
            sums[c] = sums[c] + z
            z = v - (h >> 1)
            if z < 0:
                z = 0 - z
            sums[cc + c] = sums[cc + c] + z
            z = v - h
            if z < 0:
                z = 0 - z
            sums[2 * cc + c] = sums[2 * cc + c] + z
            c += 1
    best = 0
    least = 0
    mode = 0
    while mode < 3:
        t = 0
        c = 0
        while c < cc:
            t += (sums[mode * cc + c] << 6) // (sums[c] + 1)
            c += 1
        if mode == 0:
            least = t
        else:
            t += t >> 4
            if t < least:
                least = t
                best = mode
        mode += 1
    return best


@micropython.viper
def model(q: int, v: int, c: int, cx) -> int:
    """Residuals RES and buckets CTX in coding order; EMA and W become the state after. Returns how many values."""
    ct = cx
    plan = ptr16(ct[_PLAN])
    x = ptr16(ct[_X])
    base = ptr16(ct[_BASE])
    template = ptr16(ct[_TEMPLATE])
    intra_scale = ptr16(ct[_INTRA_SCALE])
    start_scale = ptr16(ct[_START_SCALE])
    ema = ptr16(ct[_EMA])
    w = ptr8(ct[_W])
    start_weight = ptr8(ct[_START_WEIGHT])
    todo = ptr8(ct[_TODO])
    valid = ptr8(ct[_VALID])
    e = ptr16(ct[_E])
    d = ptr16(ct[_D])
    res = ptr16(ct[_RES])
    ctx = ptr8(ct[_CTX])
    k_ = ptr32(ct[_WORK])
    bt = ptr8(BUCKET)
    marks = int(ct[_MARKS])
    ch = int(ct[_CHANNELS])
    intra = int(ct[_INTRA])
    c = 0
    while c < ch:
        j = 0
        s = 0
        t = 0
        while j < 4 and j < marks:
            q = plan[5 * j] + c
            s += ema[q]
            t += intra_scale[q]
            j += 1
        k_[c] = s
        k_[8 + c] = s
        k_[16 + c] = 64
        k_[24 + c] = t
        k_[32 + c] = t
        k_[40 + c] = 64
        c += 1
    every = 3
    if marks < 40:
        every = 0
    o = 0
    j = 0
    at = 0
    while j < marks:
        b = plan[at]
        k = plan[at + 1]
        r0 = plan[at + 2]
        r1 = plan[at + 3]
        r2 = plan[at + 4]
        at += 5
        i = b // ch
        do = todo[i]
        c = 0
        if do == 1:
            while c < ch:
                q = b + c
                em = ema[q]
                v = x[q] - base[q]
                e[q] = v + 0x8000
                if intra:
                    d[q] = x[q] - template[q] + 0x8000
                if k == 3:
                    v -= ((e[r0 + c] + e[r1 + c] + e[r2 + c] - 0x18000) * 10923 + 16384) >> 15
                elif k == 1:
                    pm = e[r0 + c] - 0x8000
                    v -= (w[q] * pm + 32) >> 6
                elif k == 2:
                    v -= (e[r0 + c] + e[r1 + c] - 0xFFFF) >> 1
                m = (em * k_[16 + c]) >> 6
                t = 0
                while m > 255:
                    m >>= 4
                    t += 8
                ctx[o] = t + bt[m]
                r = ((v & 0xFFFF) ^ 0x8000) - 0x8000
                res[o] = (r << 1) ^ (r >> 31)
                o += 1
                a = r
                if a < 0:
                    a = 0 - a
                a <<= 4
                if a > 32767:
                    a = 32767
                k_[c] = k_[c] + a
                k_[8 + c] = k_[8 + c] + em
                em += (a - em + 4) >> 3
                if em < 2:
                    em = 2
                ema[q] = em
                if k == 1 and pm != 0 and r != 0:  # pyright: ignore[reportPossiblyUnboundVariable]
                    v = w[q]
                    if (r ^ pm) >= 0:  # pyright: ignore[reportPossiblyUnboundVariable]
                        v += 2
                    else:
                        v -= 2
                    if v < 0:
                        v = 0
                    if v > 80:
                        v = 80
                    w[q] = v
                c += 1
        elif do == 2:
            while c < ch:
                q = b + c
                em = intra_scale[q]
                v = x[q] - template[q]
                d[q] = v + 0x8000
                if k == 3:
                    v -= ((d[r0 + c] + d[r1 + c] + d[r2 + c] - 0x18000) * 10923 + 16384) >> 15
                elif k == 1:
                    v -= d[r0 + c] - 0x8000
                elif k == 2:
                    v -= (d[r0 + c] + d[r1 + c] - 0xFFFF) >> 1
                m = (em * k_[40 + c]) >> 6
                t = 0
                while m > 255:
                    m >>= 4
                    t += 8
                ctx[o] = t + bt[m]
                r = ((v & 0xFFFF) ^ 0x8000) - 0x8000
                res[o] = (r << 1) ^ (r >> 31)
                o += 1
                a = r
                if a < 0:
                    a = 0 - a
                a <<= 4
                if a > 32767:
                    a = 32767
                k_[24 + c] = k_[24 + c] + a
                k_[32 + c] = k_[32 + c] + em
                v = 0x8000
                if valid[i]:
                    v += x[q] - base[q]
                e[q] = v
                ema[q] = start_scale[q]
                w[q] = start_weight[q]
                c += 1
        else:
            while c < ch:
                q = b + c
                e[q] = 0x8000
                d[q] = 0x8000
                ema[q] = start_scale[q]
                w[q] = start_weight[q]
                c += 1
        if j & every == every:
            g = 0
            while g < 48:
                c = 0
                while c < ch:
                    v = (k_[g + c] << 6) // k_[g + 8 + c]
                    if v < 8:
                        v = 8
                    if v > 512:
                        v = 512
                    k_[g + 16 + c] = v
                    c += 1
                if ch > 2:
                    s = k_[g + 16] + k_[g + 17] + k_[g + 18] + 4
                    k_[g + 16] = (5 * k_[g + 16] + s) >> 3
                    k_[g + 17] = (5 * k_[g + 17] + s) >> 3
                    k_[g + 18] = (5 * k_[g + 18] + s) >> 3
                g += 24
                if intra == 0:
                    g = 48
        j += 1
    return o


@micropython.viper
def rans(x: int, a: int, t: int, cx) -> int:
    """Writes POS symbols backwards so that they end before BUF[END]; returns where they start."""
    x = 1
    ct = cx
    n = int(ct[_POS])
    res = ptr16(ct[_RES])
    ctx = ptr8(ct[_CTX])
    cum = ptr16(ct[_CUM])
    out = ptr8(ct[_BUF])
    tail = n - int(ct[_CHANNELS])
    o = int(ct[_END])
    i = n
    while i > 0:
        i -= 1
        a = res[i]
        neg = a & 1
        a = (a + 1) >> 1
        t = ctx[i]
        k = 0
        if i >= tail:
            if t >= 10:
                k = (t - 9) >> 1
            h = a >> k
            if a:
                while x >= 0x20000000:
                    o -= 1
                    out[o] = x
                    x >>= 8
                x = (x << 1) | neg
            if h >= 12:
                k = 16
            m = (0x20000000 >> k) << 1
            while x >= m:
                o -= 1
                out[o] = x
                x >>= 8
            x = (x << k) | (a & ((1 << k) - 1))
            bit = 1
            m = h + 1
            if h >= 12:
                bit = 0
                m = 12
            while m > 0:
                if x >= 0x20000000:
                    o -= 1
                    out[o] = x
                    x >>= 8
                x = (x << 1) | bit
                bit = 0
                m -= 1
            continue
        if t >= 14:
            k = (t - 12) >> 1
            t = 12 + (t & 1)
        v = a >> k
        s = v
        if s > 31:
            s = 31
        if v | k:
            m = 0x20000000 >> k
            while x >= m:
                o -= 1
                out[o] = x
                x >>= 8
            x = (x << (k + 1)) | ((a & ((1 << k) - 1)) << 1) | neg
        if s == 31:
            u = v - 30
            nb = 0
            z = u >> 1
            while z:
                nb += 1
                z >>= 1
            m = (0x20000000 >> nb) << 1
            while x >= m:
                o -= 1
                out[o] = x
                x >>= 8
            x = (x << nb) | (u & ((1 << nb) - 1))
            while x >= 0x4000000:
                o -= 1
                out[o] = x
                x >>= 8
            x = (x << 4) | nb
        q = t * 33 + s
        c = cum[q]
        f = cum[q + 1] - c
        m = f << 18
        while x >= m:
            o -= 1
            out[o] = x
            x >>= 8
        h = x // f
        x = (h << 12) + (x - h * f) + c
    while x:
        o -= 1
        out[o] = x
        x >>= 8
    return o


@micropython.viper
def equal8(a, b, n: int) -> int:
    p = ptr8(a)
    r = ptr8(b)
    i = 0
    while i < n:
        if p[i] != r[i]:
            return 0
        i += 1
    return 1


@micropython.viper
def put_mask(flags, n: int, buf, at: int) -> int:
    """One bit a landmark, low bits first; returns the position after it."""
    f = ptr8(flags)
    b = ptr8(buf)
    i = 0
    v = 0
    while i < n:
        if f[i]:
            v |= 1 << (i & 7)
        i += 1
        if i & 7 == 0 or i == n:
            b[at] = v
            at += 1
            v = 0
    return at
