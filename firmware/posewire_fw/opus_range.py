"""The Opus encoder's range coder (RFC 6716 section 5.1); opus_encoder says how its memory is passed."""

import micropython
from micropython import const

# Places in w.
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
_BUF = const(936)  # the frame
# Places in t.
_TELL = const(1063)


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
