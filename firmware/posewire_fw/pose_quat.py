"""Quaternions of the pose codec: the three components that travel, and the fourth. Loaded with the first such set."""

import micropython
from micropython import const

# Places in the list of buffers, as in pose_core: where it is a module's own, a constant costs no memory.
_X = const(1)
_BASE = const(2)
_TODO = const(9)
_MARKS = const(18)
_X1 = const(24)
_DROP = const(25)
_Q4 = const(26)
_R4 = const(27)
_P4 = const(28)
_UNIT = const(29)


@micropython.viper
def unit_length(m: int, c: int, args) -> int:
    """Makes rotations of quaternions on the grid that have another length (docs/pose-packet.md section 7).

    After pose_pack.quantise, with the same args: the limit is 1.0 on the grid. One of length 0 becomes missing; returns
    how many.
    """
    a = args
    s = ptr32(a[0])
    d = ptr16(a[1])
    bb = ptr8(a[2])
    th = ptr8(a[3])
    last = 4 * (bb[0] | (bb[1] << 8))
    unit = bb[3] | (bb[4] << 8)
    missing = 0
    q = 0
    while q < last:
        if th[q >> 2] == 0:
            q += 4
            continue
        rest = 0 - unit * unit
        top = 0
        c = 0
        while c < 4:
            m = (d[q + c] ^ 0x8000) - 0x8000
            rest += m * m
            m = (s[q + c] >> 23) & 255
            if m > top:
                top = m
            c += 1
        if rest < 0:
            rest = 0 - rest
        if rest <= 2 * unit + 1:
            q += 4
            continue
        # 13 bits of the largest component: four squares are less than 2^30
        rest = 0
        c = 0
        while c < 4:
            v = s[q + c]
            m = (v >> 23) & 255
            sh = 11 + top - m
            if m == 0 or sh > 24:
                m = 0
            else:
                m = (((v & 0x7FFFFF) | 0x800000) + (1 << (sh - 1))) >> sh
            rest += m * m
            d[q + c] = m
            c += 1
        r = 0
        bit = 0x10000000
        while bit > rest:
            bit >>= 2
        while bit:
            if rest >= r + bit:
                rest -= r + bit
                r = (r >> 1) + bit
            else:
                r >>= 1
            bit >>= 2
        if rest > r:
            r += 1
        c = 0
        while c < 4:
            m = 0
            if r:
                m = (d[q + c] * unit + (r >> 1)) // r
                if m > unit:
                    m = unit
                if (s[q + c] >> 31) & 1:
                    m = 0 - m
            d[q + c] = m
            c += 1
        if r == 0:
            th[q >> 2] = 0
            missing += 1
        q += 4
    return missing


@micropython.viper
def quat_restore(cx):
    """Q4 from X and _DROP; missing landmarks keep R4."""
    ct = cx
    todo = ptr8(ct[_TODO])
    drop = ptr8(ct[_DROP])
    q4 = ptr16(ct[_Q4])
    r4 = ptr16(ct[_R4])
    x = ptr16(ct[_X])
    marks = int(ct[_MARKS])
    unit = int(ct[_UNIT])
    i = 0
    while i < marks:
        b = 4 * i
        o = 3 * i
        c = 0
        if todo[i] == 0:
            while c < 4:
                q4[b + c] = r4[b + c]
                c += 1
            i += 1
            continue
        rest = unit * unit
        while c < 3:
            v = (x[o + c] ^ 0x8000) - 0x8000
            if v > unit:
                v = unit
            if v < 0 - unit:
                v = 0 - unit
            x[o + c] = v
            rest -= v * v
            c += 1
        r = 0
        if rest > 0:
            bit = 0x10000000
            while bit > rest:
                bit >>= 2
            while bit:
                if rest >= r + bit:
                    rest -= r + bit
                    r = (r >> 1) + bit
                else:
                    r >>= 1
                bit >>= 2
            if rest > r:
                r += 1
        dr = drop[i] & 3
        if drop[i] & 4:
            r = 0 - r
        c = 0
        while c < 4:
            if c == dr:
                q4[b + c] = r
            else:
                q4[b + c] = x[o]
                o += 1
            c += 1
        i += 1


@micropython.viper
def quat_prepare(cx) -> int:
    """Q4 (this frame), R4, P4 (references) to the three components that travel: X, X1, BASE; returns how many jumps."""
    ct = cx
    todo = ptr8(ct[_TODO])
    drop = ptr8(ct[_DROP])
    q4 = ptr16(ct[_Q4])
    r4 = ptr16(ct[_R4])
    p4 = ptr16(ct[_P4])
    x = ptr16(ct[_X])
    x1 = ptr16(ct[_X1])
    x2 = ptr16(ct[_BASE])
    marks = int(ct[_MARKS])
    unit = int(ct[_UNIT])
    jumps = 0
    i = 0
    while i < marks:
        b = 4 * i
        o = 3 * i
        do = todo[i]
        if do == 0:
            i += 1
            continue
        dr = 0
        most = -1
        dq = 0
        mq = -1
        dot = 0
        pdot = 0
        c = 0
        while c < 4:
            r = (r4[b + c] ^ 0x8000) - 0x8000
            v = (q4[b + c] ^ 0x8000) - 0x8000
            dot += r * v
            pdot += r * ((p4[b + c] ^ 0x8000) - 0x8000)
            if r < 0:
                r = 0 - r
            if r > most:
                most = r
                dr = c
            if v < 0:
                v = 0 - v
            if v > mq:
                mq = v
                dq = c
            c += 1
        s = 1
        neg = 0
        if do == 1:
            if dot < 0:
                s = -1
            v = s * ((q4[b + dr] ^ 0x8000) - 0x8000)
            if r4[b + dr] & 0x8000:
                v = 0 - v
                neg = 4
            if v * 20 < unit * 9:
                do = 2
                todo[i] = 2
                jumps += 1
                neg = 8
        if do == 2:
            dr = dq
            neg &= 8
            s = 1
            if q4[b + dr] & 0x8000:
                s = -1
        t = 1
        if pdot < 0:
            t = -1
        drop[i] = dr + neg
        c = 0
        while c < 4:
            if c != dr:
                x[o] = s * ((q4[b + c] ^ 0x8000) - 0x8000)
                x1[o] = r4[b + c]
                x2[o] = t * ((p4[b + c] ^ 0x8000) - 0x8000)
                o += 1
            c += 1
        i += 1
    return jumps


@micropython.viper
def put_jumps(cx, buf, at: int) -> int:
    """The mask of quaternions that quat_prepare turned intra."""
    ct = cx
    drop = ptr8(ct[_DROP])
    todo = ptr8(ct[_TODO])
    b = ptr8(buf)
    n = int(ct[_MARKS])
    i = 0
    v = 0
    while i < n:
        if todo[i] == 2 and drop[i] & 8 != 0:
            v |= 1 << (i & 7)
        i += 1
        if i & 7 == 0 or i == n:
            b[at] = v
            at += 1
            v = 0
    return at


@micropython.viper
def put_drops(cx, buf, at: int) -> int:
    """The dropped component of each intra quaternion, two bits each."""
    ct = cx
    drop = ptr8(ct[_DROP])
    todo = ptr8(ct[_TODO])
    b = ptr8(buf)
    n = int(ct[_MARKS])
    i = 0
    k = 0
    v = 0
    while i < n:
        if todo[i] == 2:
            v |= (drop[i] & 3) << (2 * (k & 3))
            k += 1
            if k & 3 == 0:
                b[at] = v
                at += 1
                v = 0
        i += 1
    if k & 3:
        b[at] = v
        at += 1
    return at
