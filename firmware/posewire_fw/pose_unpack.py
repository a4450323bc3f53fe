"""The decoder's integer loops in viper; ``pose_core`` says how buffers are passed."""

import micropython
from micropython import const

from posewire_fw.pose_core import BUCKET

_FIRST = const(462)
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
_WORK = const(15)
_CUM = const(16)
_BUF = const(17)
_MARKS = const(18)
_CHANNELS = const(19)
_INTRA = const(20)
_STOP = const(21)
_POS = const(22)
_END = const(23)
_X1 = const(24)
_DROP = const(25)
_R4 = const(27)
_P4 = const(28)


@micropython.viper
def unpack(s: int, q: int, c: int, cx) -> int:
    """The inverse of model and rans: reads BUF[POS:END], writes X, EMA, W. 1 when the stream ends as it must."""
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
    cum = ptr16(ct[_CUM])
    inp = ptr8(ct[_BUF])
    k_ = ptr32(ct[_WORK])
    bt = ptr8(BUCKET)
    marks = int(ct[_MARKS])
    ch = int(ct[_CHANNELS])
    intra = int(ct[_INTRA])
    stop = int(ct[_STOP])
    pos = int(ct[_POS])
    end = int(ct[_END])
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
    first = _FIRST
    last = marks - 1
    while last > 0 and todo[plan[5 * last] // ch] == 0:
        last -= 1
    s = 0
    while s < 0x400000 and pos < end:
        s = (s << 8) | inp[pos]
        pos += 1
    j = 0
    at = 0
    while j < stop:
        b = plan[at]
        k = plan[at + 1]
        r0 = plan[at + 2]
        r1 = plan[at + 3]
        r2 = plan[at + 4]
        at += 5
        i = b // ch
        do = todo[i]
        c = 0
        if do == 0:
            while c < ch:
                q = b + c
                e[q] = 0x8000
                d[q] = 0x8000
                ema[q] = start_scale[q]
                w[q] = start_weight[q]
                c += 1
        while c < ch:
            q = b + c
            p = 0
            if do == 1:
                em = ema[q]
                m = (em * k_[16 + c]) >> 6
                if k == 3:
                    p = ((e[r0 + c] + e[r1 + c] + e[r2 + c] - 0x18000) * 10923 + 16384) >> 15
                elif k == 1:
                    pm = e[r0 + c] - 0x8000
                    p = (w[q] * pm + 32) >> 6
                elif k == 2:
                    p = (e[r0 + c] + e[r1 + c] - 0xFFFF) >> 1
            else:
                em = intra_scale[q]
                m = (em * k_[40 + c]) >> 6
                if k == 3:
                    p = ((d[r0 + c] + d[r1 + c] + d[r2 + c] - 0x18000) * 10923 + 16384) >> 15
                elif k == 1:
                    p = d[r0 + c] - 0x8000
                elif k == 2:
                    p = (d[r0 + c] + d[r1 + c] - 0xFFFF) >> 1
            t = 0
            while m > 255:
                m >>= 4
                t += 8
            t += bt[m]
            neg = 0
            if j == last:
                kk = 0
                if t >= 10:
                    kk = (t - 9) >> 1
                h = 0
                while h < 12:
                    z = s & 1
                    s >>= 1
                    if s < 0x400000 and pos < end:
                        s = (s << 8) | inp[pos]
                        pos += 1
                    if z:
                        break
                    h += 1
                if h == 12:
                    kk = 16
                    h = 0
                r = (h << kk) | (s & ((1 << kk) - 1))
                s >>= kk
                while s < 0x400000 and pos < end:
                    s = (s << 8) | inp[pos]
                    pos += 1
                if r:
                    neg = s & 1
                    s >>= 1
                    if s < 0x400000 and pos < end:
                        s = (s << 8) | inp[pos]
                        pos += 1
            else:
                kk = 0
                if t >= 14:
                    kk = (t - 12) >> 1
                    t = 12 + (t & 1)
                h = s & 4095
                z = cum[first + (t << 4) + (h >> 8)]
                while cum[z] <= h:
                    z += 1
                f = cum[z - 1]
                s = (cum[z] - f) * (s >> 12) + h - f
                while s < 0x400000 and pos < end:
                    s = (s << 8) | inp[pos]
                    pos += 1
                r = z - 1 - t * 33
                if r == 31:
                    h = s & 15
                    s >>= 4
                    while s < 0x400000 and pos < end:
                        s = (s << 8) | inp[pos]
                        pos += 1
                    r = 30 + ((1 << h) | (s & ((1 << h) - 1)))
                    s >>= h
                    while s < 0x400000 and pos < end:
                        s = (s << 8) | inp[pos]
                        pos += 1
                if r | kk:
                    neg = s & 1
                    s >>= 1
                    if kk:
                        r = (r << kk) | (s & ((1 << kk) - 1))
                        s >>= kk
                    while s < 0x400000 and pos < end:
                        s = (s << 8) | inp[pos]
                        pos += 1
            if r > 32768:
                return 0
            a = r << 4
            if a > 32767:
                a = 32767
            if neg:
                if r == 0:
                    return 0
                r = 0 - r
            v = r + p
            if do == 1:
                e[q] = v + 0x8000
                v += base[q]
                x[q] = v
                if intra:
                    d[q] = v - template[q] + 0x8000
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
            else:
                d[q] = v + 0x8000
                v += template[q]
                x[q] = v
                k_[24 + c] = k_[24 + c] + a
                k_[32 + c] = k_[32 + c] + em
                if valid[i]:
                    e[q] = v - base[q] + 0x8000
                else:
                    e[q] = 0x8000
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
                    v = k_[g + 16] + k_[g + 17] + k_[g + 18] + 4
                    k_[g + 16] = (5 * k_[g + 16] + v) >> 3
                    k_[g + 17] = (5 * k_[g + 17] + v) >> 3
                    k_[g + 18] = (5 * k_[g + 18] + v) >> 3
                g += 24
                if intra == 0:
                    g = 48
        j += 1
    if stop < marks:
        return 1
    if s == 1 and pos == end:
        return 1
    return 0


@micropython.viper
def quat_reference(cx):
    """The decoder's half of quat_prepare; DROP of intra landmarks is given."""
    ct = cx
    todo = ptr8(ct[_TODO])
    drop = ptr8(ct[_DROP])
    r4 = ptr16(ct[_R4])
    p4 = ptr16(ct[_P4])
    x1 = ptr16(ct[_X1])
    x2 = ptr16(ct[_BASE])
    marks = int(ct[_MARKS])
    i = 0
    while i < marks:
        b = 4 * i
        o = 3 * i
        if todo[i] == 0:
            i += 1
            continue
        dr = 0
        most = -1
        pdot = 0
        c = 0
        while c < 4:
            r = (r4[b + c] ^ 0x8000) - 0x8000
            pdot += r * ((p4[b + c] ^ 0x8000) - 0x8000)
            if r < 0:
                r = 0 - r
            if r > most:
                most = r
                dr = c
            c += 1
        if todo[i] == 2:
            dr = drop[i] & 3
        else:
            drop[i] = dr + ((r4[b + dr] >> 15) << 2)
        t = 1
        if pdot < 0:
            t = -1
        c = 0
        while c < 4:
            if c != dr:
                x1[o] = r4[b + c]
                x2[o] = t * ((p4[b + c] ^ 0x8000) - 0x8000)
                o += 1
            c += 1
        i += 1


@micropython.viper
def dequantise(src, dst, bits, there):
    """Grid to float32 bits; landmarks that are not there become NaN. ``bits`` as for quantise."""
    s = ptr16(src)
    d = ptr32(dst)
    bb = ptr8(bits)
    th = ptr8(there)
    marks = bb[0] | (bb[1] << 8)
    ch = bb[2]
    i = 0
    q = 0
    while i < marks:
        c = 0
        while c < ch:
            v = (s[q] ^ 0x8000) - 0x8000
            sign = 0
            if v < 0:
                v = 0 - v
                sign = 1
            if v:
                e = int(bb[5 + c])
                while v < 0x800000:
                    v <<= 1
                    e -= 1
                v = (sign << 31) | (e << 23) | (v & 0x7FFFFF)
            if th[i] == 0:
                v = 0x7FC0
                v <<= 16
            d[q] = v
            q += 1
            c += 1
        i += 1


@micropython.viper
def get_mask(flags, n: int, buf, at: int) -> int:
    """The inverse of put_mask; returns the position after it."""
    f = ptr8(flags)
    b = ptr8(buf)
    i = 0
    while i < n:
        f[i] = (b[at + (i >> 3)] >> (i & 7)) & 1
        i += 1
    return at + ((n + 7) >> 3)


@micropython.viper
def get_jumps(cx, buf, at: int) -> int:
    """Quaternions (or landmarks) that are coded without the reference although it holds them."""
    ct = cx
    todo = ptr8(ct[_TODO])
    b = ptr8(buf)
    n = int(ct[_MARKS])
    i = 0
    while i < n:
        if (b[at + (i >> 3)] >> (i & 7)) & 1 and todo[i] == 1:
            todo[i] = 2
        i += 1
    return at + ((n + 7) >> 3)


@micropython.viper
def get_drops(cx, buf, at: int) -> int:
    """The dropped component of each intra quaternion."""
    ct = cx
    todo = ptr8(ct[_TODO])
    drop = ptr8(ct[_DROP])
    b = ptr8(buf)
    n = int(ct[_MARKS])
    i = 0
    k = 0
    while i < n:
        if todo[i] == 2:
            drop[i] = (b[at + (k >> 2)] >> (2 * (k & 3))) & 3
            k += 1
        i += 1
    return at + ((k + 3) >> 2)


@micropython.viper
def intra_where(valid, todo, n: int):
    v = ptr8(valid)
    t = ptr8(todo)
    i = 0
    while i < n:
        if v[i]:
            t[i] = 2
        else:
            t[i] = 0
        i += 1


@micropython.viper
def delta_where(valid, todo, n: int):
    v = ptr8(valid)
    t = ptr8(todo)
    i = 0
    while i < n:
        if v[i]:
            t[i] = 1
        else:
            t[i] = 0
        i += 1


@micropython.viper
def forget(cx, stop: int):
    """A join in progress: landmarks from ``stop`` on, in coding order, are not known yet."""
    ct = cx
    plan = ptr16(ct[_PLAN])
    todo = ptr8(ct[_TODO])
    start_scale = ptr16(ct[_START_SCALE])
    ema = ptr16(ct[_EMA])
    w = ptr8(ct[_W])
    start_weight = ptr8(ct[_START_WEIGHT])
    marks = int(ct[_MARKS])
    ch = int(ct[_CHANNELS])
    while stop < marks:
        b = plan[5 * stop]
        todo[b // ch] = 0
        c = 0
        while c < ch:
            ema[b + c] = start_scale[b + c]
            w[b + c] = start_weight[b + c]
            c += 1
        stop += 1


@micropython.viper
def count_intra(cx) -> int:
    """Bytes that get_drops will read."""
    ct = cx
    todo = ptr8(ct[_TODO])
    n = int(ct[_MARKS])
    i = 0
    k = 0
    while i < n:
        if todo[i] == 2:
            k += 1
        i += 1
    return (k + 3) >> 2


@micropython.viper
def get_crc(state, buf, at: int):
    """buf[at:at + 4] into state[0]."""
    s = ptr32(state)
    b = ptr8(buf)
    s[0] = (b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3]
