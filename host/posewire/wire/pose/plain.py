"""The core for CPython without a compiler: what ``core`` defines, the same integers, sooner.

The model of an encoder knows all values at once, so numpy does it; a decoder learns one value after the other: a loop
over Python's own integers, with all that does not depend on the order in numpy again. Frames that are not the usual
kind (landmarks missing, or coded without the reference) are left to ``core`` itself, on lists.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from posewire.wire.pose import core
from posewire.wire.pose.core import ESCAPE, LOW, MAX_EMA, RICE_ESCAPE, TABLES
from posewire.wire.pose.sets import cumulative

_SMALL = 128  # contexts below it have a table of their own, and no low bits


class Order:
    """A plan (see ``core``) taken apart: for each value in coding order, where it is and what it refers to."""

    def __init__(self, flat: list[int], marks: int, channels: int) -> None:
        self.flat = flat
        rows = np.array(flat, np.int64).reshape(marks, 5)
        own = np.arange(channels)
        self.values = (rows[:, :1] + own).reshape(-1)
        at = np.empty(marks * channels, np.int64)
        at[self.values] = np.arange(marks * channels)
        # references as positions in coding order; where there is none, any
        near = at[(rows[:, 2:, None] + own).transpose(1, 0, 2).reshape(3, -1)]
        count = np.repeat(rows[:, 1], channels)
        self.near = near[0]
        self.single = bool((count <= 1).all())
        self.has_one = (count == 1).astype(np.int64)
        self.two, self.three = np.flatnonzero(count == 2), np.flatnonzero(count == 3)
        self.near_two, self.near_three = near[:2, self.two], near[:, self.three]
        self.refs = near.T.tolist()
        self.ref_count = count.tolist()


class Symbols:
    """The symbol tables of one group, for both directions."""

    def __init__(self, cum: list[int]) -> None:
        steps = [(cum[33 * t + s], cum[33 * t + s + 1]) for t in range(TABLES) for s in range(32)]
        # of symbol 32 * t + s: the state from which on a byte goes out first, frequency, 4096 - frequency, start
        self.encode = [((b - a) << 18, b - a, 4096 - b + a, a) for a, b in steps]
        # of a context: its first symbol, its number of low bits
        contexts = np.arange(40)
        self.first = np.where(contexts < TABLES, contexts, 12 + (contexts & 1)) << 5
        self.low = np.where(contexts < TABLES, 0, (contexts - 12) >> 1)
        # for each of the 4096 slots of a table: symbol, frequency, start
        rows = [(s & 31, b - a, a) for s, (a, b) in enumerate(steps)]
        tables = [[r for r in rows[32 * t : 32 * t + 32] for _ in range(r[1])] for t in range(TABLES)]
        bucket = wide_buckets()
        self.decode_small = [tables[bucket[m]] for m in range(_SMALL)]
        self.decode = [(tables[f >> 5], low) for f, low in zip(self.first.tolist(), self.low.tolist(), strict=True)]


@lru_cache(maxsize=2)
def symbols(group: int) -> Symbols:
    """The tables of one group."""
    return Symbols(cumulative(group))


@lru_cache(maxsize=1)
def wide_buckets() -> bytes:
    """``m`` → context bucket for all ``m`` there are: 32767 * 512 / 64 at most."""
    m = np.arange(1 << 18)
    n = np.frexp(m)[1].astype(np.int64)
    bucket = np.where(n < 2, m, 2 * n + ((m >> np.maximum(n - 2, 0)) & 1) - 2)
    return bucket.astype(np.uint8).tobytes()


def on_lists(function: Callable[..., Any], *outputs: int) -> Callable[..., Any]:
    """A function of ``core`` for numpy arrays: they become lists for the call; ``outputs``: arguments it writes."""

    def call(*args: Any) -> Any:
        lists = [a.flat if isinstance(a, Order) else a.tolist() if isinstance(a, np.ndarray) else a for a in args]
        result = function(*lists)
        for n in outputs:
            args[n][:] = lists[n]
        return result

    return call


def _wrap(values: Any) -> Any:
    return ((values + 32768) & 65535) - 32768


def _predict(order: Order, e: Any, weight: Any) -> tuple[Any, Any]:
    """Predictions from the innovations ``e``, and the innovations of single references (0 elsewhere)."""
    one = e[order.near] * order.has_one
    p = (weight * one + 32) >> 6
    if not order.single:
        a, b = order.near_two
        p[order.two] = (e[a] + e[b] + 1) >> 1
        a, b, c = order.near_three
        p[order.three] = ((e[a] + e[b] + e[c]) * 10923 + 16384) >> 15
    return p, one


def _ratios(em: Any, size: Any, channels: int) -> Any:
    """The activity that holds for each value, from the sums before its landmark."""
    marks = len(em) // channels
    every = 1 if marks < 40 else 4
    sums = np.empty((2, marks + 1, channels), np.int64)
    sums[:, 0] = em[: 4 * channels].reshape(-1, channels).sum(0)
    sums[0, 1:] = size.reshape(-1, channels)
    sums[1, 1:] = em.reshape(-1, channels)
    seen, expected = sums.cumsum(1)[:, :marks:every]
    a = (seen << 6) // expected
    np.maximum(a, 8, out=a)
    np.minimum(a, 512, out=a)
    if channels > 2:
        three = a[:, :3]
        three[...] = (5 * three + (three.sum(1, keepdims=True) + 4)) >> 3
    return a if every == 1 else np.repeat(a, every, axis=0)[:marks]


def _adapt(em: Any, size: Any, r: Any, one: Any, weight: Any) -> tuple[Any, Any]:
    """Scales and weights after the residuals ``r``, in coding order."""
    grown = np.maximum(em + ((size - em + 4) >> 3), 2)
    turn = np.sign(r * one)
    return grown, np.minimum(np.maximum(weight + 2 * turn, 0), 80)


def rans_encode(res: Any, ctx: Any, count: int, tail: int, symbols: Symbols, out: Any, end: int) -> int:
    """See ``core.rans_encode``."""
    body = max(count - tail, 0)
    got = bytearray()
    put = got.append
    x = 1
    for r, t in zip(res[body:count][::-1].tolist(), ctx[body:count][::-1].tolist(), strict=True):
        a = abs(r)
        k = 0 if t < 10 else (t - 9) >> 1
        h = a >> k
        if h < RICE_ESCAPE and x < (1 << 30) >> (k + h + 2):  # all at once
            x = (x << 1 | (r < 0) if a else x) << (k + h + 1) | (a & ((1 << k) - 1)) << (h + 1) | 1 << h
            continue
        for bits, low in _rice(r, t):
            while x >= (1 << 30) >> bits:
                put(x & 255)
                x >>= 8
            x = x << bits | low
    r, t = res[:body][::-1], ctx[:body][::-1]
    k, a = symbols.low[t], np.abs(r)
    v = a >> k
    bits = (k + 1) * ((v | k) != 0)
    low_bits = ((a - (v << k)) << 1) + (r < 0)
    key = symbols.first[t] + np.minimum(v, ESCAPE)
    key[v >= ESCAPE] = -1
    table = symbols.encode
    for i, (n, low, s) in enumerate(zip(bits.tolist(), low_bits.tolist(), key.tolist(), strict=True)):
        if n:
            while x >= 1073741824 >> n:
                put(x & 255)
                x >>= 8
            x = x << n | low
            if s < 0:
                s = int(symbols.first[t[i]]) + ESCAPE
                u = int(v[i]) - 30
                n = u.bit_length() - 1
                while x >= 1073741824 >> n:
                    put(x & 255)
                    x >>= 8
                x = x << n | (u & ((1 << n) - 1))
                while x >= 67108864:
                    put(x & 255)
                    x >>= 8
                x = x << 4 | n
        limit, f, g, c = table[s]
        while x >= limit:
            put(x & 255)
            x >>= 8
        x += x // f * g + c
    while x:
        put(x & 255)
        x >>= 8
    start = end - len(got)
    got.reverse()
    out[start:end] = got
    return start


def _rice(r: int, t: int) -> list[tuple[int, int]]:
    """A value of the last landmark, as (number of bits, bits) in the order in which an encoder pushes them."""
    a = abs(r)
    k = 0 if t < 10 else (t - 9) >> 1
    h = a >> k
    sign = [(1, int(r < 0))] if a else []
    if h < RICE_ESCAPE:
        return [*sign, (k, a & ((1 << k) - 1)), (1, 1), *[(1, 0)] * h]
    return [*sign, (16, a & 65535), *[(1, 0)] * RICE_ESCAPE]


def _residuals(
    order: Order,
    marks: int,
    channels: int,
    em: Any,
    weight: Any,
    symbols: Symbols,
    bucket: bytes,
    data: bytes,
    pos: int,
    end: int,
) -> tuple[Any, Any] | None:
    """Residuals and innovations of a usual frame (every landmark a delta), in coding order.

    None where the stream does not end as it must or a value leaves 16 bits: ``core`` then decides what it is.
    """
    n = marks * channels
    first = em[: 4 * channels].reshape(-1, channels).sum(0)
    expected = (em.reshape(marks, channels).cumsum(0) + first).tolist()
    seen: list[int] = first.tolist()
    active = [64] * channels
    residuals, e = [0] * n, [0] * n
    every = 0 if marks < 40 else 3
    limit, small, tables = LOW, symbols.decode_small, symbols.decode
    single, counts, refs = order.single, order.ref_count, order.refs
    values = zip(range(n), em.tolist(), (weight * order.has_one).tolist(), order.near.tolist(), strict=True)
    each, others = range(channels), range(3 if channels > 2 else 0, channels)
    s = 0
    while s < limit and pos < end:
        s = s << 8 | data[pos]
        pos += 1
    for j in range(marks - 1):
        for c, (i, scale, weigh, near) in zip(each, values, strict=False):
            m = scale * active[c] >> 6
            h = s & 4095
            if m < 128:
                r, f, start = small[m][h]
                low = 0
            else:
                table, low = tables[bucket[m]]
                r, f, start = table[h]
            s = f * (s >> 12) + h - start
            if s < limit:
                while s < limit and pos < end:
                    s = s << 8 | data[pos]
                    pos += 1
            if r or low:
                if r == 31:
                    f = s & 15
                    s >>= 4
                    while s < limit and pos < end:
                        s = s << 8 | data[pos]
                        pos += 1
                    r = 30 + (1 << f | s & (1 << f) - 1)
                    s >>= f
                    while s < limit and pos < end:
                        s = s << 8 | data[pos]
                        pos += 1
                if low:
                    r = r << low | s >> 1 & (1 << low) - 1
                    f = s & 1
                    s >>= low
                    if f and not r:
                        return None
                else:
                    f = s & 1
                s >>= 1
                if s < limit:
                    while s < limit and pos < end:
                        s = s << 8 | data[pos]
                        pos += 1
                if r < 2048:
                    seen[c] += r << 4
                elif r > 32768:
                    return None
                else:
                    seen[c] += 32767
                if f:
                    r = -r
                residuals[i] = r
            if single:
                e[i] = r + (weigh * e[near] + 32 >> 6)
            else:
                e[i] = r + _mean(counts[i], refs[i], weigh, e)
        if j & every == every:
            now = expected[j]
            if channels > 2:
                a = (seen[0] << 6) // now[0]
                b = (seen[1] << 6) // now[1]
                c = (seen[2] << 6) // now[2]
                a = 8 if a < 8 else 512 if a > 512 else a
                b = 8 if b < 8 else 512 if b > 512 else b
                c = 8 if c < 8 else 512 if c > 512 else c
                m = a + b + c + 4
                active[0] = 5 * a + m >> 3
                active[1] = 5 * b + m >> 3
                active[2] = 5 * c + m >> 3
            for c in others:
                a = (seen[c] << 6) // now[c]
                active[c] = 8 if a < 8 else 512 if a > 512 else a
    for c, (i, scale, weigh, _near) in zip(each, values, strict=False):
        t = bucket[scale * active[c] >> 6]
        low = 0 if t < 10 else (t - 9) >> 1
        h = 0
        while h < RICE_ESCAPE:
            f = s & 1
            s >>= 1
            if s < limit and pos < end:
                s = s << 8 | data[pos]
                pos += 1
            if f:
                break
            h += 1
        if h == RICE_ESCAPE:
            low = 16
            h = 0
        r = h << low | s & (1 << low) - 1
        s >>= low
        while s < limit and pos < end:
            s = s << 8 | data[pos]
            pos += 1
        if r > 32768:
            return None
        if r:
            if s & 1:
                r = -r
            s >>= 1
            if s < limit and pos < end:
                s = s << 8 | data[pos]
                pos += 1
        residuals[i] = r
        e[i] = r + _mean(counts[i], refs[i], weigh, e)
    if s != 1 or pos != end or max(e) > 32767 or min(e) < -32768:
        return None
    return np.array(residuals, np.int64), np.array(e, np.int64)


def _mean(count: int, refs: list[int], weigh: int, e: list[int]) -> int:
    """``core.predict``, and for a single reference with its weight."""
    if count == 3:
        return (e[refs[0]] + e[refs[1]] + e[refs[2]]) * 10923 + 16384 >> 15
    if count == 2:
        return e[refs[0]] + e[refs[1]] + 1 >> 1
    return weigh * e[refs[0]] + 32 >> 6


def pick_mode(order: Order, marks: int, channels: int, todo: Any, x: Any, x1: Any, x2: Any, _sums: Any) -> int:
    """See ``core.pick_mode``."""
    return core.pick_mode(order.flat, marks, channels, todo.tolist(), x.tolist(), x1.tolist(), x2.tolist(), [0] * 9)


def extrapolate(x1: Any, x2: Any, mode: int, count: int, base: Any) -> None:
    """See ``core.extrapolate``."""
    h = x1[:count] - x2[:count]
    base[:count] = _wrap(x1[:count] + (h >> 1 if mode == 1 else h))


def pack(
    order: Order,
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
    symbols: Symbols,
    out: Any,
    end: int,
) -> int:
    """See ``core.pack``."""
    mode = pick_mode(order, marks, channels, todo, x, x1, x2, work)
    base = x1
    if mode:
        base = np.empty_like(x1)
        extrapolate(x1, x2, mode, len(base), base)
    q = order.values
    em, weight = ema[q], w[q]
    steps = _wrap((x - base)[q])
    p, one = _predict(order, steps, weight)
    r = _wrap(steps - p)
    size = np.minimum(np.abs(r) << 4, MAX_EMA)
    ema2[q], w2[q] = _adapt(em, size, r, one, weight)
    res, ctx = room[3], room[4]
    res[:] = r
    ctx[:] = bucket[(em * _ratios(em, size, channels).reshape(-1)) >> 6]
    return 4 * rans_encode(res, ctx, len(r), channels, symbols, out, end) + mode


def unpack(
    order: Order,
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
    bucket: bytes,
    symbols: Symbols,
    reference_tables: Any,
    data: bytes,
    pos: int,
    end: int,
) -> bool:
    """See ``core.unpack``."""
    base = x1
    if mode:
        base = np.empty_like(x1)
        extrapolate(x1, x2, mode, len(base), base)
    q = order.values
    em, weight = ema[q], w[q]
    found = _residuals(order, marks, channels, em, weight, symbols, bucket, data, pos, end)
    if found is None:
        return model_decode(
            order, marks, channels, marks, todo, valid, x, base, *starts, ema, w, ema2, w2, False, room[1],
            room[2], work, bucket, symbols,
            reference_tables, data, pos, end,
        )  # fmt: skip
    r, steps = found
    x[q] = _wrap(steps + base[q])
    size = np.minimum(np.abs(r) << 4, MAX_EMA)
    ema2[q], w2[q] = _adapt(em, size, r, steps[order.near] * order.has_one, weight)
    return True


_model_encode = on_lists(core.model_encode, 13, 14, 19, 20)
_model_decode = on_lists(core.model_decode, 6, 14, 15)


def model_encode(*arguments: Any) -> int:
    """See ``core.model_encode``."""
    return int(_model_encode(*arguments[:-1], wide_buckets()))


def model_decode(*arguments: Any) -> bool:
    """See ``core.model_decode``; here the symbol tables are ``Symbols`` and the lookup the pair of tables."""
    *before, _symbols, (cum, lut), data, pos, end = arguments
    return bool(_model_decode(*before, cum, lut, data, pos, end))


rescale = on_lists(core.rescale, 3)
rescale_scale = on_lists(core.rescale_scale, 3)
quat_prepare = on_lists(core.quat_prepare, 2, 6, 7, 8, 9)
quat_reference = on_lists(core.quat_reference, 1, 4, 5, 6)
quat_restore = on_lists(core.quat_restore, 3, 6)
gain_of = on_lists(core.gain_of)
apply_gain = on_lists(core.apply_gain, 4)
