"""The integer core of the pose codec: prediction, contexts and rANS, as ``docs/pose-packet.md`` sections 5 to
7 define them.

The reference, in the subset of Python that both runs on plain lists and compiles with numba on int64 arrays
(``compiled.py``: the compiled path is this very source). Hence loops and index arithmetic instead of numpy;
``plain.py`` does the usual frames faster where nothing is compiled.

Arrays of one landmark set of ``L`` landmarks with ``C`` coded channels, ``n = L * C``:

- ``plan`` (5 L): in coding order ``landmark * C, number of references, reference 0 * C, 1 * C, 2 * C``;
- ``todo`` (L, by landmark): what this packet does with a landmark: ``SKIP``, ``DELTA`` or ``INTRA``;
- ``valid`` (L): whether the reference holds the landmark;
- ``x``, ``base`` (n): the integers and what the reference predicts for them;
- ``tmpl``, ``kema``, ``pema``, ``pw`` (n): the trained start values (template, scale of intra values, scale, weight);
- ``ema``, ``w`` → ``ema2``, ``w2`` (n): the adaptive state before and after.
"""

from __future__ import annotations

from typing import Any

SKIP, DELTA, INTRA = 0, 1, 2

LOW = 1 << 22  # the state lives in [2^22, 2^30): small integers on every implementation
ESCAPE = 31
TABLES = 14
RICE_ESCAPE = 12
MAX_EMA = 32767


def activity(ca: Any, ce: Any, ac: Any, channels: int) -> None:
    """Ratio of seen to expected residuals in this frame, per channel, Q6, in 8 … 512; x, y and z lean on each other."""
    for c in range(channels):
        v = (ca[c] << 6) // ce[c]
        ac[c] = 8 if v < 8 else (512 if v > 512 else v)
    if channels > 2:
        s = ac[0] + ac[1] + ac[2] + 4
        ac[0] = (5 * ac[0] + s) >> 3
        ac[1] = (5 * ac[1] + s) >> 3
        ac[2] = (5 * ac[2] + s) >> 3


def start_activity(plan: Any, marks: int, channels: int, scale: Any, ca: Any, ce: Any, ac: Any) -> None:
    """The prior: as if four landmarks had been seen, with the scales of the first four in coding order."""
    for c in range(channels):
        s = 0
        for j in range(4 if marks > 4 else marks):
            s += scale[plan[5 * j] + c]
        ca[c] = s
        ce[c] = s
        ac[c] = 64


def predict(plan: Any, at: int, c: int, k: int, d: Any) -> int:
    """Mean of the innovations ``d`` of the ``k`` references, rounded as the specification says."""
    if k == 0:
        return 0
    if k == 1:
        return int(d[plan[at + 2] + c])
    if k == 2:
        return int((d[plan[at + 2] + c] + d[plan[at + 3] + c] + 1) >> 1)
    return int(((d[plan[at + 2] + c] + d[plan[at + 3] + c] + d[plan[at + 4] + c]) * 10923 + 16384) >> 15)


def model_encode(
    plan: Any,
    marks: int,
    channels: int,
    todo: Any,
    valid: Any,
    x: Any,
    base: Any,
    tmpl: Any,
    kema: Any,
    pema: Any,
    pw: Any,
    ema: Any,
    w: Any,
    ema2: Any,
    w2: Any,
    any_intra: bool,
    e: Any,
    d: Any,
    work: Any,
    res: Any,
    ctx: Any,
    bucket: Any,
) -> int:
    """Residuals ``res`` and context buckets ``ctx`` in coding order; the new state into ``ema2``, ``w2``.
    Returns how many.
    """
    ca, ce, ac = work[0], work[1], work[2]
    ia, ie, ic = work[3], work[4], work[5]
    start_activity(plan, marks, channels, ema, ca, ce, ac)
    start_activity(plan, marks, channels, kema, ia, ie, ic)
    every = 0 if marks < 40 else 3
    o = 0
    for j in range(marks):
        at = 5 * j
        b = plan[at]
        k = plan[at + 1]
        i = b // channels
        do = todo[i]
        if do == DELTA:
            near = plan[at + 2]
            for c in range(channels):
                q = b + c
                em = ema[q]
                pm = 0
                if k == 1:
                    pm = e[near + c]
                    p = (w[q] * pm + 32) >> 6
                else:
                    p = predict(plan, at, c, k, e)
                m = (em * ac[c]) >> 6
                v = x[q] - base[q]
                v = ((v + 32768) & 65535) - 32768
                e[q] = v
                if any_intra:
                    d[q] = ((x[q] - tmpl[q] + 32768) & 65535) - 32768
                r = ((v - p + 32768) & 65535) - 32768
                res[o] = r
                ctx[o] = bucket[m] if m < 4096 else 16 + bucket[m >> 8]
                o += 1
                a = (r if r >= 0 else -r) << 4
                if a > 32767:
                    a = 32767
                ca[c] += a
                ce[c] += em
                em += (a - em + 4) >> 3
                ema2[q] = em if em > 2 else 2
                if pm != 0 and r != 0:
                    u = w[q] + (2 if (r > 0) == (pm > 0) else -2)
                    w2[q] = 0 if u < 0 else (80 if u > 80 else u)
                else:
                    w2[q] = w[q]
        elif do == INTRA:
            for c in range(channels):
                q = b + c
                em = kema[q]
                p = predict(plan, at, c, k, d)
                m = (em * ic[c]) >> 6
                v = x[q] - tmpl[q]
                v = ((v + 32768) & 65535) - 32768
                d[q] = v
                r = ((v - p + 32768) & 65535) - 32768
                res[o] = r
                ctx[o] = bucket[m] if m < 4096 else 16 + bucket[m >> 8]
                o += 1
                a = (r if r >= 0 else -r) << 4
                ia[c] += a if a < 32767 else 32767
                ie[c] += em
                v = x[q] - base[q]
                e[q] = ((v + 32768) & 65535) - 32768 if valid[i] else 0
                ema2[q] = pema[q]
                w2[q] = pw[q]
        else:
            for c in range(channels):
                q = b + c
                e[q] = 0
                d[q] = 0
                ema2[q] = pema[q]
                w2[q] = pw[q]
        if j & every == every:
            for c in range(channels):
                v = (ca[c] << 6) // ce[c]
                ac[c] = 8 if v < 8 else (512 if v > 512 else v)
            if channels > 2:
                u = ac[0] + ac[1] + ac[2] + 4
                ac[0] = (5 * ac[0] + u) >> 3
                ac[1] = (5 * ac[1] + u) >> 3
                ac[2] = (5 * ac[2] + u) >> 3
            if any_intra:
                activity(ia, ie, ic, channels)
    return o


def rans_encode(res: Any, ctx: Any, count: int, tail: int, cum: Any, out: Any, end: int) -> int:
    """Writes the symbols backwards so that the stream ends before ``out[end]``; returns where it starts.

    The last ``tail`` values (those of the last landmark) go as plain Rice codes: while the state is still small, a
    symbol of a table would cost all of its 12 bits.
    """
    x = 1
    o = end
    for i in range(count - 1, -1, -1):
        r = res[i]
        t = ctx[i]
        if i >= count - tail:
            a = r if r >= 0 else -r
            k = 0 if t < 10 else (t - 9) >> 1
            h = a >> k
            if a:
                while x >= 1 << 29:
                    o -= 1
                    out[o] = x & 255
                    x >>= 8
                x = (x << 1) | (1 if r < 0 else 0)
            if h >= RICE_ESCAPE:
                k = 16
            lim = (1 << 30) >> k
            while x >= lim:
                o -= 1
                out[o] = x & 255
                x >>= 8
            x = (x << k) | (a & ((1 << k) - 1))
            n = h + 1 if h < RICE_ESCAPE else RICE_ESCAPE  # bits of the unary part; all but the deepest are 0
            for z in range(n):
                if x >= 1 << 29:
                    o -= 1
                    out[o] = x & 255
                    x >>= 8
                x = (x << 1) | (1 if z == 0 and h < RICE_ESCAPE else 0)
            continue
        k = 0
        if t >= TABLES:
            k = (t - 12) >> 1
            t = 12 + (t & 1)
        a = r if r >= 0 else -r
        v = a >> k
        s = v if v < ESCAPE else ESCAPE
        if v != 0 or k != 0:
            lim = (1 << 29) >> k
            while x >= lim:
                o -= 1
                out[o] = x & 255
                x >>= 8
            x = (x << (k + 1)) | ((a & ((1 << k) - 1)) << 1) | (1 if r < 0 else 0)
        if s == ESCAPE:
            u = v - 30
            nb = 0
            z = u >> 1
            while z:
                nb += 1
                z >>= 1
            lim = (1 << 30) >> nb
            while x >= lim:
                o -= 1
                out[o] = x & 255
                x >>= 8
            x = (x << nb) | (u & ((1 << nb) - 1))
            while x >= 1 << 26:
                o -= 1
                out[o] = x & 255
                x >>= 8
            x = (x << 4) | nb
        q = t * 33 + s
        c = cum[q]
        f = cum[q + 1] - c
        while x >= f << 18:
            o -= 1
            out[o] = x & 255
            x >>= 8
        h = x // f
        x = (h << 12) + (x - h * f) + c
    while x:
        o -= 1
        out[o] = x & 255
        x >>= 8
    return o


def model_decode(
    plan: Any,
    marks: int,
    channels: int,
    stop: int,
    todo: Any,
    valid: Any,
    x: Any,
    base: Any,
    tmpl: Any,
    kema: Any,
    pema: Any,
    pw: Any,
    ema: Any,
    w: Any,
    ema2: Any,
    w2: Any,
    any_intra: bool,
    e: Any,
    d: Any,
    work: Any,
    bucket: Any,
    cum: Any,
    lut: Any,
    data: Any,
    pos: int,
    end: int,
) -> bool:
    """The inverse of both: reads ``data[pos:end]``, writes ``x``, ``ema2``, ``w2`` for the first ``stop`` landmarks.

    True when the stream ends exactly as an encoder ends it (or when it is cut at ``stop`` on purpose).
    """
    ca, ce, ac = work[0], work[1], work[2]
    ia, ie, ic = work[3], work[4], work[5]
    start_activity(plan, marks, channels, ema, ca, ce, ac)
    start_activity(plan, marks, channels, kema, ia, ie, ic)
    every = 0 if marks < 40 else 3
    last = marks - 1
    while last > 0 and todo[plan[5 * last] // channels] == SKIP:
        last -= 1
    s = 0
    while s < LOW and pos < end:
        s = (s << 8) | data[pos]
        pos += 1
    for j in range(stop):
        at = 5 * j
        b = plan[at]
        k = plan[at + 1]
        i = b // channels
        do = todo[i]
        if do == SKIP:
            for c in range(channels):
                q = b + c
                e[q] = 0
                d[q] = 0
                ema2[q] = pema[q]
                w2[q] = pw[q]
        else:
            for c in range(channels):
                q = b + c
                pm = 0
                if do == DELTA:
                    em = ema[q]
                    m = (em * ac[c]) >> 6
                    if k == 1:
                        pm = e[plan[at + 2] + c]
                        p = (w[q] * pm + 32) >> 6
                    else:
                        p = predict(plan, at, c, k, e)
                else:
                    em = kema[q]
                    m = (em * ic[c]) >> 6
                    p = predict(plan, at, c, k, d)
                t = bucket[m] if m < 4096 else 16 + bucket[m >> 8]
                if j == last:
                    k2 = 0 if t < 10 else (t - 9) >> 1
                    h = 0
                    while h < RICE_ESCAPE:
                        z = s & 1
                        s >>= 1
                        if s < LOW and pos < end:
                            s = (s << 8) | data[pos]
                            pos += 1
                        if z:
                            break
                        h += 1
                    if h == RICE_ESCAPE:
                        k2 = 16
                        h = 0
                    r = (h << k2) | (s & ((1 << k2) - 1))
                    s >>= k2
                    while s < LOW and pos < end:
                        s = (s << 8) | data[pos]
                        pos += 1
                    neg = 0
                    if r:
                        neg = s & 1
                        s >>= 1
                        if s < LOW and pos < end:
                            s = (s << 8) | data[pos]
                            pos += 1
                else:
                    low = 0
                    if t >= TABLES:
                        low = (t - 12) >> 1
                        t = 12 + (t & 1)
                    h = s & 4095
                    v = lut[(t << 12) + h]
                    z = t * 33 + v
                    f = cum[z]
                    s = (cum[z + 1] - f) * (s >> 12) + h - f
                    while s < LOW and pos < end:
                        s = (s << 8) | data[pos]
                        pos += 1
                    if v == ESCAPE:
                        nb = s & 15
                        s >>= 4
                        while s < LOW and pos < end:
                            s = (s << 8) | data[pos]
                            pos += 1
                        v = 30 + ((1 << nb) | (s & ((1 << nb) - 1)))
                        s >>= nb
                        while s < LOW and pos < end:
                            s = (s << 8) | data[pos]
                            pos += 1
                    r = v
                    neg = 0
                    if v != 0 or low != 0:
                        neg = s & 1
                        r = (v << low) | ((s >> 1) & ((1 << low) - 1))
                        s >>= low + 1
                        while s < LOW and pos < end:
                            s = (s << 8) | data[pos]
                            pos += 1
                if r > 32768 or (neg and r == 0):
                    return False
                if neg:
                    r = -r
                v = ((r + p + 32768) & 65535) - 32768
                a = (r if r >= 0 else -r) << 4
                if a > 32767:
                    a = 32767
                if do == DELTA:
                    e[q] = v
                    v = ((v + base[q] + 32768) & 65535) - 32768
                    x[q] = v
                    if any_intra:
                        d[q] = ((v - tmpl[q] + 32768) & 65535) - 32768
                    ca[c] += a
                    ce[c] += em
                    em += (a - em + 4) >> 3
                    ema2[q] = em if em > 2 else 2
                    if pm != 0 and r != 0:
                        u = w[q] + (2 if (r > 0) == (pm > 0) else -2)
                        w2[q] = 0 if u < 0 else (80 if u > 80 else u)
                    else:
                        w2[q] = w[q]
                else:
                    d[q] = v
                    v = ((v + tmpl[q] + 32768) & 65535) - 32768
                    x[q] = v
                    ia[c] += a
                    ie[c] += em
                    v -= base[q]
                    e[q] = ((v + 32768) & 65535) - 32768 if valid[i] else 0
                    ema2[q] = pema[q]
                    w2[q] = pw[q]
        if j & every == every:
            for c in range(channels):
                v = (ca[c] << 6) // ce[c]
                ac[c] = 8 if v < 8 else (512 if v > 512 else v)
            if channels > 2:
                u = ac[0] + ac[1] + ac[2] + 4
                ac[0] = (5 * ac[0] + u) >> 3
                ac[1] = (5 * ac[1] + u) >> 3
                ac[2] = (5 * ac[2] + u) >> 3
            if any_intra:
                activity(ia, ie, ic, channels)
    return stop < marks or (s == 1 and pos == end)


def pick_mode(plan: Any, marks: int, channels: int, todo: Any, x: Any, x1: Any, x2: Any, sums: Any) -> int:
    """The temporal mode (0 hold, 1 half momentum, 2 full momentum) with the least innovation against the parents.

    Looks at 16 landmarks, evenly from the end of the coding order (where the fine detail is) and at three
    channels. An encoder
    may choose otherwise; all of ours choose this way.
    """
    cc = 3 if channels > 3 else channels
    for c in range(3 * cc):
        sums[c] = 0
    step = marks // 16 if marks >= 32 else 1
    j = marks - 1
    seen = 0
    while j >= 0 and seen < 16:
        at = 5 * j
        j -= step
        seen += 1
        b = plan[at]
        if todo[b // channels] != DELTA:
            continue
        k = plan[at + 1]
        for c in range(cc):
            q = b + c
            v = x[q] - x1[q]
            h = x1[q] - x2[q]
            if k == 1:
                q = plan[at + 2] + c
                v -= x[q] - x1[q]
                h -= x1[q] - x2[q]
            elif k > 1:
                va = 0
                ha = 0
                for n in range(k):
                    q = plan[at + 2 + n] + c
                    va += x[q] - x1[q]
                    ha += x1[q] - x2[q]
                if k == 2:
                    v -= va >> 1
                    h -= ha >> 1
                else:
                    v -= (va * 85) >> 8
                    h -= (ha * 85) >> 8
            sums[c] += v if v >= 0 else -v
            z = v - (h >> 1)
            sums[cc + c] += z if z >= 0 else -z
            z = v - h
            sums[2 * cc + c] += z if z >= 0 else -z
    best = 0
    least = 0
    for mode in range(3):
        t = 0
        for c in range(cc):
            t += (sums[mode * cc + c] << 6) // (sums[c] + 1)
        if mode == 0:
            least = t
        else:
            t += t >> 4
            if t < least:
                least = t
                best = mode
    return best


def extrapolate(x1: Any, x2: Any, mode: int, count: int, base: Any) -> None:
    """The temporal base of a mode, modulo 2^16."""
    if mode == 0:
        for q in range(count):
            base[q] = x1[q]
        return
    for q in range(count):
        h = x1[q] - x2[q]
        v = x1[q] + (h >> 1 if mode == 1 else h)
        base[q] = ((v + 32768) & 65535) - 32768


def pack(
    plan: Any,
    marks: int,
    channels: int,
    todo: Any,
    valid: Any,
    x: Any,
    x1: Any,
    x2: Any,
    starts: Any,
    ema: Any,
    w: Any,
    ema2: Any,
    w2: Any,
    room: Any,
    work: Any,
    bucket: Any,
    cum: Any,
    out: Any,
    end: int,
) -> int:
    """A frame with every landmark a delta, in one call: four times where its bytes start in ``out``, plus the mode.

    ``x1``, ``x2``: the reference and the frame before it; ``starts``: the start values, four rows. ``room``: five rows.
    """
    mode = pick_mode(plan, marks, channels, todo, x, x1, x2, work[0])
    base, e, d, res, ctx = room[0], room[1], room[2], room[3], room[4]
    extrapolate(x1, x2, mode, marks * channels, base)
    count = model_encode(
        plan, marks, channels, todo, valid, x, base, starts[0], starts[1], starts[2], starts[3],
        ema, w, ema2, w2, False, e, d, work, res, ctx,
        bucket,
    )  # fmt: skip
    return 4 * rans_encode(res, ctx, count, channels, cum, out, end) + mode


def unpack(
    plan: Any,
    marks: int,
    channels: int,
    mode: int,
    todo: Any,
    valid: Any,
    x: Any,
    x1: Any,
    x2: Any,
    starts: Any,
    ema: Any,
    w: Any,
    ema2: Any,
    w2: Any,
    room: Any,
    work: Any,
    bucket: Any,
    cum: Any,
    lut: Any,
    data: Any,
    pos: int,
    end: int,
) -> bool:
    """The inverse: see ``model_decode``."""
    base, e, d = room[0], room[1], room[2]
    extrapolate(x1, x2, mode, marks * channels, base)
    return bool(
        model_decode(
            plan, marks, channels, marks, todo, valid, x, base, starts[0], starts[1], starts[2], starts[3],
        ema, w, ema2, w2, False, e, d, work,
            bucket, cum, lut, data, pos, end,
        )
    )  # fmt: skip


def rescale(values: Any, by: int, count: int, out: Any) -> None:
    """Integers onto a grid ``by`` bits coarser (finer when negative), saturating."""
    for q in range(count):
        v = values[q]
        if by > 0:
            v = (v + (1 << (by - 1))) >> by
        else:
            v = v << -by
            v = -32768 if v < -32768 else (32767 if v > 32767 else v)
        out[q] = v


def rescale_scale(values: Any, by: int, count: int, out: Any) -> None:
    """The same for scales (2 … 32767)."""
    for q in range(count):
        v = values[q] >> by if by > 0 else values[q] << -by
        out[q] = 2 if v < 2 else (32767 if v > 32767 else v)


def root(n: int) -> int:
    """Square root, rounded to the nearest integer; 0 for what is negative."""
    if n <= 0:
        return 0
    r = 0
    bit = 1 << 28
    rest = n
    while bit > rest:
        bit >>= 2
    while bit:
        if rest >= r + bit:
            rest -= r + bit
            r = (r >> 1) + bit
        else:
            r >>= 1
        bit >>= 2
    return r + 1 if rest > r else r


def quat_drop(x: Any, b: int) -> int:
    """Index of the component with the largest magnitude, the first of equals."""
    best = 0
    most = -1
    for c in range(4):
        v = x[b + c]
        if v < 0:
            v = -v
        if v > most:
            most = v
            best = c
    return best


def quat_prepare(
    marks: int, unit: int, todo: Any, q4: Any, r4: Any, p4: Any, x: Any, x1: Any, x2: Any, drop: Any
) -> int:
    """Quaternions ``q4`` → the three components that travel, with the reference and the one before it alike.

    Turns ``DELTA`` into ``INTRA`` where the dropped component has become too small to follow from the others; returns
    how many times. ``drop[i]``: the dropped index, plus 4 when that component is negative.
    """
    jumps = 0
    for i in range(marks):
        b = 4 * i
        o = 3 * i
        if todo[i] == SKIP:
            continue
        dr = quat_drop(r4, b)
        s = 1
        if todo[i] == DELTA:
            if q4[b] * r4[b] + q4[b + 1] * r4[b + 1] + q4[b + 2] * r4[b + 2] + q4[b + 3] * r4[b + 3] < 0:
                s = -1
            if s * q4[b + dr] * (1 if r4[b + dr] >= 0 else -1) * 20 < unit * 9:
                todo[i] = INTRA
                jumps += 1
        neg = 0
        if todo[i] == INTRA:
            dr = quat_drop(q4, b)
            s = -1 if q4[b + dr] < 0 else 1
        elif r4[b + dr] < 0:
            neg = 4
        t = 1
        if p4[b] * r4[b] + p4[b + 1] * r4[b + 1] + p4[b + 2] * r4[b + 2] + p4[b + 3] * r4[b + 3] < 0:
            t = -1
        drop[i] = dr + neg
        for c in range(4):
            if c != dr:
                x[o] = s * q4[b + c]
                x1[o] = r4[b + c]
                x2[o] = t * p4[b + c]
                o += 1
    return jumps


def quat_reference(marks: int, todo: Any, r4: Any, p4: Any, x1: Any, x2: Any, drop: Any) -> None:
    """The decoder's half of ``quat_prepare``; ``drop`` of intra landmarks is given."""
    for i in range(marks):
        b = 4 * i
        o = 3 * i
        if todo[i] == SKIP:
            continue
        dr = drop[i]
        if todo[i] == DELTA:
            dr = quat_drop(r4, b)
            drop[i] = dr + (4 if r4[b + dr] < 0 else 0)
        t = 1
        if p4[b] * r4[b] + p4[b + 1] * r4[b + 1] + p4[b + 2] * r4[b + 2] + p4[b + 3] * r4[b + 3] < 0:
            t = -1
        for c in range(4):
            if c != dr:
                x1[o] = r4[b + c]
                x2[o] = t * p4[b + c]
                o += 1


def quat_restore(marks: int, unit: int, todo: Any, x: Any, drop: Any, r4: Any, out: Any) -> None:
    """The fourth component from the three that travelled; landmarks that are missing keep the reference's."""
    for i in range(marks):
        b = 4 * i
        o = 3 * i
        if todo[i] == SKIP:
            for c in range(4):
                out[b + c] = r4[b + c]
            continue
        rest = unit * unit
        for c in range(3):
            v = x[o + c]
            v = -unit if v < -unit else (unit if v > unit else v)
            x[o + c] = v
            rest -= v * v
        v = root(rest)
        dr = drop[i] & 3
        for c in range(4):
            if c == dr:
                out[b + c] = -v if drop[i] & 4 else v
            else:
                out[b + c] = x[o]
                o += 1


def gain_of(ema: Any, pema: Any, marks: int, channels: int, c: int) -> int:
    """How far the scales of channel ``c`` have moved from their start, as a gain code (0 … 47; 32 is 1)."""
    now = 0
    start = 0
    for i in range(marks):
        now += ema[i * channels + c]
        start += pema[i * channels + c]
    best = 0
    for g in range(48):
        s = (g >> 2) - 8
        v = 4 + (g & 3)
        if s >= 0:
            if start * (v << s) <= 4 * now:
                best = g
        elif start * v <= (4 * now) << -s:
            best = g
    return best


def apply_gain(pema: Any, gains: Any, marks: int, channels: int, out: Any) -> None:
    """Start scales times the gains, in 2 … 32767."""
    for c in range(channels):
        s = (gains[c] >> 2) - 8
        v = 4 + (gains[c] & 3)
        for q in range(c, marks * channels, channels):
            z = pema[q] * v
            z = z << s if s >= 0 else z >> -s
            z >>= 2
            out[q] = 2 if z < 2 else (32767 if z > 32767 else z)
