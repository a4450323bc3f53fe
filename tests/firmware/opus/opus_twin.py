"""The plain twin of firmware/posewire_fw/opus_encoder.py: the same arithmetic, written to be read (docs/opus.md).

An Opus encoder (RFC 6716) for 16 kHz mono speech: CELT only, wideband, frames of 20 ms, integers only. Every value on
the way fits a signed 32-bit word, but for the range coder and the index of a PVQ word, which are unsigned ones. Numbers
in brackets are sections of RFC 6716. The firmware's tables are made from the ones here: tools/make_opus_tables.py.

What the stream uses: one long MDCT a frame (no transients), coarse energy in relation to the frame before, fine energy,
implicit allocation, PVQ with splits and spreading. No pitch pre-filter, no time-frequency change, no dynamic boost.
"""

from math import cos, log2, pi, sin

RATE = 16000
FRAME = 320  # samples of 20 ms at 16 kHz = the bins below 8 kHz of CELT's 960
OVERLAP = 40  # 120 at 48 kHz
BANDS = 17  # the bands below 8 kHz [4.3, table 55]
LM = 3  # a frame is 8 short blocks long
TRIM = 5  # tilt of the allocation, 0 ... 10 [4.3.3]
SPREAD = 2  # normal [4.3.4.3]
SKIP = 7  # 1/16 bit a bin below which the highest bands get no pulses
LEAST = -28 << 10  # of a band's log2 energy
QUIET_FRAMES = 10  # so many before packets are left out
REFRESH_FRAMES = 20  # one packet is sent all the same after so many

# ---------------------------------------------------------------------------------------------- tables

EDGES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 34, 40)  # in units of 8 bins
WIDTHS = [EDGES[i + 1] - EDGES[i] for i in range(BANDS)]
LOG_N = (0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 16, 16, 16, 21, 21)  # log2 of the widths in 1/8
MEANS = (103, 100, 92, 85, 81, 77, 72, 70, 78, 75, 73, 71, 78, 74, 69, 72, 70)  # mean log2 energies in 1/16 [4.3.2.1]
# Laplace parameters of the coarse energy for 20 ms: probability of 0, decay [4.3.2.1]
INTER = (42, 121, 96, 66, 108, 43, 111, 40, 117, 44, 123, 32, 120, 36, 119, 33, 127, 33, 134, 34, 139, 21, 147, 23,
         152, 20, 158, 25, 154, 26, 166, 21, 173, 16)  # fmt: skip
INTRA = (22, 178, 63, 114, 74, 82, 84, 83, 92, 82, 103, 62, 96, 72, 96, 67, 101, 73, 107, 72, 113, 55, 118, 52,
         125, 52, 118, 52, 117, 55, 135, 49, 137, 39)  # fmt: skip
# bits per bin in 1/32 for 11 qualities [4.3.3, table 57], the first 17 bands
ALLOCATION = (
    (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    (90, 80, 75, 69, 63, 56, 49, 40, 34, 29, 20, 18, 10, 0, 0, 0, 0),
    (110, 100, 90, 84, 78, 71, 65, 58, 51, 45, 39, 32, 26, 20, 12, 0, 0),
    (118, 110, 103, 93, 86, 80, 75, 70, 65, 59, 53, 47, 40, 31, 23, 15, 4),
    (126, 119, 112, 104, 95, 89, 83, 78, 72, 66, 60, 54, 47, 39, 32, 25, 17),
    (134, 127, 120, 114, 103, 97, 91, 85, 78, 72, 66, 60, 54, 47, 41, 35, 29),
    (144, 137, 130, 124, 113, 107, 101, 95, 88, 82, 76, 70, 64, 57, 51, 45, 39),
    (152, 145, 138, 132, 123, 117, 111, 105, 98, 92, 86, 80, 74, 67, 61, 55, 49),
    (162, 155, 148, 142, 133, 127, 121, 115, 108, 102, 96, 90, 84, 77, 71, 65, 59),
    (172, 165, 158, 152, 143, 137, 131, 125, 118, 112, 106, 100, 94, 87, 81, 75, 69),
    (200, 200, 200, 200, 200, 200, 200, 200, 198, 193, 188, 183, 178, 173, 168, 163, 158),
)
CAPS = [((193 if i < 12 else 194 if i < 15 else 184) + 64) * (8 * WIDTHS[i]) >> 2 for i in range(BANDS)]  # [4.3.3]
TRIM_ICDF = (126, 124, 119, 109, 87, 41, 19, 9, 4, 2, 0)
SPREAD_ICDF = (25, 23, 2, 0)
EXP2_8 = (16384, 17866, 19483, 21247, 23170, 25267, 27554, 30048)  # 2**14 * 2**(i/8)
TELL_STEPS = (35733, 38967, 42495, 46340, 50535, 55109, 60097, 65535)  # 2**15 * 2**((i+1)/8), where 1/8 bit is reached

_u = {}


def pvq_u(n, k):
    """How many of the PVQ words of n dimensions and k pulses begin with a given non-zero sign ... [4.3.4.2]"""
    if n == 0:
        return 1 if k == 0 else 0
    if k == 0:
        return 0
    if (n, k) not in _u:
        _u[n, k] = pvq_u(n - 1, k) + pvq_u(n, k - 1) + pvq_u(n - 1, k - 1)
    return _u[n, k]


def pseudo_pulses(q):
    """Number of pulses for index q: every one to 8, then in steps of 2, 4, ... [4.3.4.1]"""
    return q if q < 8 else (8 + (q & 7)) << ((q >> 3) - 1)


def _costs(n):
    """The costs of q = 0, 1, ... in 1/8 bits, rounded up, as long as the count of words fits 32 bits."""
    costs = [0]
    for k in range(1, 1 + pseudo_pulses(40)):
        pvq_u(n, k)  # bottom up: no deep recursion
    for q in range(1, 41):
        k = pseudo_pulses(q)
        words = pvq_u(n, k) + pvq_u(n, k + 1)
        if words >= 1 << 32:
            break
        costs.append((words**8 - 1).bit_length())
    return costs


for _n in range(1, 49):
    for _k in range(1, 130):
        pvq_u(_n, _k)
SIZES = (48, 32, 24, 16, 12, 8, 6, 4, 3, 2)  # those that 20 ms bands and their halves have
COSTS = {n: _costs(n) for n in SIZES}

# The 16 kHz MDCT that equals the first third of CELT's at 48 kHz: each sample stands in the middle of three (3 m + 1),
# so the window is every third value of CELT's, from the second.
WINDOW = [round(32767 * sin(pi / 2 * sin(pi / 2 * (3 * m + 1 + 0.5) / 120) ** 2)) for m in range(OVERLAP)]
# exp(-i pi (4 n + 1) / 1280), n < 160, Q14; used before and after the FFT
TWIST = [(round(16384 * cos(pi * (4 * n + 1) / 1280)), round(16384 * sin(pi * (4 * n + 1) / 1280))) for n in range(160)]
ROOTS = [(round(16384 * cos(2 * pi * n / 160)), round(16384 * sin(2 * pi * n / 160))) for n in range(160)]  # conjugated
LOG2 = [round(1024 * log2(1 + i / 32)) for i in range(33)]  # log2 in Q10


def _order():
    """Where input n of the FFT goes: digits of n in 4, 4, 2, 5, reversed."""
    order = [0] * 160
    for n in range(160):
        a, rest = n % 5, n // 5  # last stage is radix 5
        b, rest = rest % 2, rest // 2
        c, d = rest % 4, rest // 4
        order[n] = a * 32 + b * 16 + c * 4 + d
    return order


ORDER = _order()


def ilog(v):
    """Number of bits of v."""
    return v.bit_length()


def mul16(a, b):
    """Product of two Q15, rounded."""
    return (16384 + a * b) >> 15


def div(a, b):
    """Quotient towards zero."""
    return a // b if a >= 0 else -(-a // b)


# ---------------------------------------------------------------------------------------------- range coder


class RangeEncoder:
    """[5.1]: symbols from the front, raw bits from the back of a buffer of a fixed size."""

    def __init__(self, size):
        self.buf = bytearray(size)
        self.size = size
        self.offs = 0
        self.end_offs = 0
        self.window = 0
        self.window_bits = 0
        self.total = 33
        self.rng = 1 << 31
        self.val = 0
        self.rem = -1
        self.ext = 0
        self.error = False

    def tell(self):
        return self.total - ilog(self.rng)

    def tell_frac(self):
        """Bits used in 1/8, rounded up [4.1.6.2]."""
        length = ilog(self.rng)
        r = self.rng >> (length - 16)
        b = (r >> 12) - 8
        if r > TELL_STEPS[b]:
            b += 1
        return (self.total << 3) - ((length << 3) + b)

    def _write(self, byte):
        if self.offs + self.end_offs >= self.size:
            self.error = True
        else:
            self.buf[self.offs] = byte
            self.offs += 1

    def _write_end(self, byte):
        if self.offs + self.end_offs >= self.size:
            self.error = True
        else:
            self.end_offs += 1
            self.buf[self.size - self.end_offs] = byte

    def _carry(self, c):
        if c == 255:
            self.ext += 1
            return
        carry = c >> 8
        if self.rem >= 0:
            self._write((self.rem + carry) & 255)
        while self.ext > 0:
            self._write((255 + carry) & 255)
            self.ext -= 1
        self.rem = c & 255

    def _normalize(self):
        while self.rng <= 1 << 23:
            self._carry(self.val >> 23)
            self.val = (self.val & 0x7FFFFF) << 8
            self.rng <<= 8
            self.total += 8

    def encode(self, low, high, total):
        r = self.rng // total
        if low > 0:
            self.val += self.rng - r * (total - low)
            self.rng = r * (high - low)
        else:
            self.rng -= r * (total - high)
        self._normalize()

    def encode_bin(self, low, high, bits):
        r = self.rng >> bits
        if low > 0:
            self.val += self.rng - r * ((1 << bits) - low)
            self.rng = r * (high - low)
        else:
            self.rng -= r * ((1 << bits) - high)
        self._normalize()

    def bit(self, value, logp):
        s = self.rng >> logp
        r = self.rng - s
        if value:
            self.val += r
            self.rng = s
        else:
            self.rng = r
        self._normalize()

    def icdf(self, symbol, table, bits):
        r = self.rng >> bits
        if symbol > 0:
            self.val += self.rng - r * table[symbol - 1]
            self.rng = r * (table[symbol - 1] - table[symbol])
        else:
            self.rng -= r * table[symbol]
        self._normalize()

    def uint(self, value, total):
        """One of ``total`` equally likely values [5.1.4]."""
        total -= 1
        length = ilog(total)
        if length > 8:
            length -= 8
            self.encode(value >> length, (value >> length) + 1, (total >> length) + 1)
            self.bits(value & ((1 << length) - 1), length)
        else:
            self.encode(value, value + 1, total + 1)

    def bits(self, value, count):
        """Raw bits from the back [5.1.3]; count up to 24, so that a word of 32 bits is enough."""
        while self.window_bits >= 8:
            self._write_end(self.window & 255)
            self.window >>= 8
            self.window_bits -= 8
        self.window |= value << self.window_bits
        self.window_bits += count
        self.total += count

    def done(self):
        """[5.1.5]"""
        length = 32 - ilog(self.rng)
        mask = 0x7FFFFFFF >> length
        end = (self.val + mask) & ~mask
        if (end | mask) >= self.val + self.rng:
            length += 1
            mask >>= 1
            end = (self.val + mask) & ~mask
        while length > 0:
            self._carry(end >> 23)
            end = (end & 0x7FFFFF) << 8
            length -= 8
        if self.rem >= 0 or self.ext > 0:
            self._carry(0)
        while self.window_bits >= 8:
            self._write_end(self.window & 255)
            self.window >>= 8
            self.window_bits -= 8
        if self.window_bits > 0 and not self.error:
            if self.end_offs >= self.size:
                self.error = True
            else:
                length = -length
                if self.offs + self.end_offs >= self.size and length < self.window_bits:
                    self.window &= (1 << length) - 1
                    self.error = True
                self.buf[self.size - self.end_offs - 1] |= self.window & 255
        return bytes(self.buf)


# ---------------------------------------------------------------------------------------------- MDCT


def mdct(y):
    """360 values (40 of the frame before, 320 new) → 320 bins and their exponent: bin = value * 2**exponent.

    Fold to 320, then a DCT-IV as a complex FFT of 160 = 4 * 4 * 2 * 5.
    """
    peak = 0
    for value in y:
        peak |= value if value >= 0 else ~value
    shift = ilog(peak) - 14  # to 14 bits and a sign
    if shift < -6:
        shift = -6
    up, down = (0, shift) if shift > 0 else (-shift, 0)
    v = [0] * 320
    for n in range(20):
        a = (y[339 - n] << up) >> down
        b = (y[340 + n] << up) >> down
        v[n] = -((a * WINDOW[20 + n] + b * WINDOW[19 - n] + 16384) >> 15)
    for n in range(20, 300):
        v[n] = -((y[339 - n] << up) >> down)
    for n in range(300, 320):
        a = (y[n - 300] << up) >> down
        b = (y[339 - n] << up) >> down
        v[n] = (a * WINDOW[n - 300] - b * WINDOW[339 - n] + 16384) >> 15
    re, im = [0] * 160, [0] * 160
    for n in range(160):
        c, s = TWIST[n]
        a, b = v[2 * n], v[319 - 2 * n]
        k = ORDER[n]
        re[k] = (a * c + b * s + 8192) >> 14
        im[k] = (b * c - a * s + 8192) >> 14
    # radix 4 without factors
    for k in range(0, 160, 4):
        _four(re, im, k, 1, 0, 0, 0)
    # radix 4
    for j in range(4):
        for k in range(j, 160, 16):
            _four(re, im, k, 4, 10 * j, 20 * j, 30 * j)
    # radix 2
    for j in range(16):
        c, s = ROOTS[5 * j]
        for k in range(j, 160, 32):
            a, b = re[k + 16], im[k + 16]
            xr = (a * c + b * s + 8192) >> 14
            xi = (b * c - a * s + 8192) >> 14
            a, b = re[k], im[k]
            re[k] = (a + xr + 1) >> 1
            im[k] = (b + xi + 1) >> 1
            re[k + 16] = (a - xr + 1) >> 1
            im[k + 16] = (b - xi + 1) >> 1
    # radix 5, which ends in the twist and the bins
    # cos and sin of 72 and 144 degrees, Q12: the sums of these values may have 19 bits
    c1, s1, c2, s2 = 1266, 3896, -3314, 2408
    out = [0] * 320
    for k in range(32):
        xr, xi = [re[k]], [im[k]]
        for m in range(1, 5):
            a, b = re[k + 32 * m], im[k + 32 * m]
            c, s = ROOTS[k * m]
            xr.append((a * c + b * s + 8192) >> 14)
            xi.append((b * c - a * s + 8192) >> 14)
        ar, ai, br, bi = xr[1] + xr[4], xi[1] + xi[4], xr[2] + xr[3], xi[2] + xi[3]
        cr, ci, dr, di = xr[1] - xr[4], xi[1] - xi[4], xr[2] - xr[3], xi[2] - xi[3]
        sums = [0] * 5
        sums[0] = (xr[0] + ar + br, xi[0] + ai + bi)
        pr = xr[0] + ((ar * c1 + br * c2 + 2048) >> 12)
        pi_ = xi[0] + ((ai * c1 + bi * c2 + 2048) >> 12)
        qr = (cr * s1 + dr * s2 + 2048) >> 12
        qi = (ci * s1 + di * s2 + 2048) >> 12
        sums[1] = (pr + qi, pi_ - qr)
        sums[4] = (pr - qi, pi_ + qr)
        pr = xr[0] + ((ar * c2 + br * c1 + 2048) >> 12)
        pi_ = xi[0] + ((ai * c2 + bi * c1 + 2048) >> 12)
        qr = (cr * s2 - dr * s1 + 2048) >> 12
        qi = (ci * s2 - di * s1 + 2048) >> 12
        sums[2] = (pr + qi, pi_ - qr)
        sums[3] = (pr - qi, pi_ + qr)
        for m in range(5):
            n = k + 32 * m
            a, b = (sums[m][0] + 2) >> 2, (sums[m][1] + 2) >> 2
            c, s = TWIST[n]
            out[2 * n] = (a * c + b * s + 8192) >> 14
            out[319 - 2 * n] = (a * s - b * c + 8192) >> 14
    return out, shift + 5  # 2**(1+1+1+2) was divided out


def _four(re, im, k, step, w1, w2, w3):
    """Radix-4 butterfly, halved; w: indexes of the factors in ROOTS, 0 for none."""
    a, b = re[k], im[k]
    xr, xi = [a], [b]
    for m, w in ((1, w1), (2, w2), (3, w3)):
        a, b = re[k + m * step], im[k + m * step]
        if w:
            c, s = ROOTS[w]
            a, b = (a * c + b * s + 8192) >> 14, (b * c - a * s + 8192) >> 14
        xr.append(a)
        xi.append(b)
    ar, ai, br, bi = xr[0] + xr[2], xi[0] + xi[2], xr[0] - xr[2], xi[0] - xi[2]
    cr, ci, dr, di = xr[1] + xr[3], xi[1] + xi[3], xr[1] - xr[3], xi[1] - xi[3]
    re[k] = (ar + cr + 1) >> 1
    im[k] = (ai + ci + 1) >> 1
    re[k + step] = (br + di + 1) >> 1
    im[k + step] = (bi - dr + 1) >> 1
    re[k + 2 * step] = (ar - cr + 1) >> 1
    im[k + 2 * step] = (ai - ci + 1) >> 1
    re[k + 3 * step] = (br - di + 1) >> 1
    im[k + 3 * step] = (bi + dr + 1) >> 1


def log2_q10(v):
    """log2 of v > 0 in 1/1024."""
    length = ilog(v) - 1
    m = (v << (15 - length) if length < 15 else v >> (length - 15)) & 0x7FFF
    i = m >> 10
    return (length << 10) + LOG2[i] + ((LOG2[i + 1] - LOG2[i]) * (m & 1023) >> 10)


# ---------------------------------------------------------------------------------------------- the pulses


def pvq_search(x, k):
    """Signs and counts of k pulses along x (values below 2**12 in size), greedily.

    With many pulses most are placed by projection; each of the rest goes where (x·y)**2 / (y·y) becomes largest.
    """
    n = len(x)
    size = [abs(value) for value in x]
    total = sum(size)
    y = [0] * n
    left = k
    xy = yy = 0
    if total == 0:
        y[0] = k
        return y
    if k > n >> 1:
        scale = (k << 15) // total  # rounded down: never more than k pulses. k < 2**8, total < 2**18
        if scale > 0x3FFFF:
            scale = 0x3FFFF
        for j in range(n):
            c = size[j] * scale >> 15
            y[j] = c
            xy += size[j] * c
            yy += c * c
            left -= c
    while left > 0:
        # 15 bits for the sum of products
        shift = ilog(xy + 4096) - 15
        if shift < 0:
            shift = 0
        best, best_num, best_den = 0, -1, 1
        for j in range(n):
            num = (xy + size[j]) >> shift
            num = num * num >> 15
            den = yy + 2 * y[j] + 1
            if num * best_den > best_num * den:
                best, best_num, best_den = j, num, den
        xy += size[best]
        yy = best_den
        y[best] += 1
        left -= 1
    for j in range(n):
        if x[j] < 0:
            y[j] = -y[j]
    return y


def pvq_index(y):
    """Index of the word y among those of its size, and their number [4.3.4.2], from the last dimension to the first."""
    n = len(y)
    k = 0
    index = 0
    total = sum(abs(v) for v in y)
    row = [0] + [1] * (total + 1)  # U(1, k), k = 0 ... total + 1
    for j in range(n - 1, -1, -1):
        if j < n - 1:  # to U(n - j, ·)
            before = 0
            last = row[0]
            for i in range(1, total + 2):
                above = row[i]
                before = above + before + last
                last = above
                row[i] = before
        index += row[k]
        k += abs(y[j])
        if y[j] < 0:
            index += row[k + 1]
    return index, row[k] + row[k + 1]


def cos_q15(x):
    """[4.3.4.4]: cos(x pi / 2 / 16384) exactly as the decoder has it; it steers the allocation."""
    x2 = (4096 + x * x) >> 13
    return 1 + (32767 - x2) + mul16(x2, -7651 + mul16(x2, 8277 + mul16(-626, x2)))


def log2_tan(s, c):
    """log2(s / c) in 1/2048, exactly as the decoder has it."""
    ls, lc = ilog(s), ilog(c)
    s <<= 15 - ls
    c <<= 15 - lc
    return ((ls - lc) << 11) + mul16(s, mul16(s, -2597) + 7932) - mul16(c, mul16(c, -2597) + 7932)


def root(v):
    """Integer square root."""
    if v == 0:
        return 0
    r = 1 << ((ilog(v) + 1) >> 1)
    while True:
        n = (r + v // r) >> 1
        if n >= r:
            return r
        r = n


def angle(mid, side):
    """atan2(side, mid) in 1/16384 of a quarter turn; both below 2**15, not both 0."""
    if side <= mid:
        t = (side << 15) // mid
    else:
        t = (mid << 15) // side
    # atan(t) * 2 / pi * 16384, t in Q15: t (1 + .273 (1 - t)) pi / 4 is within 0.22 degrees
    a = t * (8192 + (2847 * (32768 - t) >> 15)) >> 15
    return a if side <= mid else 16384 - a


# ---------------------------------------------------------------------------------------------- the encoder


class OpusEncoder:
    """bitrate in bit/s; frame_ms: 20, 40 or 60, what a packet holds.

    quiet: where not 0, packets whose samples (after the pre-emphasis) stay below it, a power of two, are left out after
    0.2 s of them: what is sent instead says so in one or two bytes, and the decoder goes on with the noise that it
    knows. A whole packet goes out every 0.4 s.
    """

    def __init__(self, bitrate=24000, frame_ms=60, quiet=0):
        self.count = frame_ms // 20
        self.header = 1 if self.count == 1 else 2
        self.frame_bytes = (bitrate * frame_ms // 8000 - self.header) // self.count
        self.quiet = quiet
        self.reset()

    def reset(self):
        """Begin a stream: nothing is remembered."""
        self.tail = [0] * OVERLAP
        self.dc = 0
        self.x1 = 0
        self.y1 = 0
        self.old = [0] * BANDS  # log2 energies as the decoder has them, Q10
        self.intra = True  # the next frame must not rely on the one before
        self.quiet_frames = 0
        self.left_out = 0
        self.ranges = []  # of the coder after each frame, as the decoder has them

    def packet(self, pcm):
        """One Opus packet [3.2] of frame_ms."""
        frames = [self.frame(pcm[i * FRAME : (i + 1) * FRAME], self.frame_bytes) for i in range(self.count)]
        toc = 23 << 3  # CELT, wideband, 20 ms, mono
        head = bytes((toc,)) if self.count == 1 else bytes((toc | 3, self.count))
        if not self.quiet or self.quiet_frames < QUIET_FRAMES or self.left_out >= REFRESH_FRAMES:
            self.left_out = 0
            return head + b"".join(frames)
        self.left_out += self.count
        self.intra = True
        return head

    def emphasise(self, pcm):
        """Take the mean away (a pole at 5 Hz), then 1 - 0.85 / z at 48 kHz, as a filter at 16 kHz that has the same
        response within 0.4 dB; Q2.
        """
        out = []
        dc, x1, y1 = self.dc, self.x1, self.y1
        for x in pcm:
            x -= dc >> 9
            dc += x
            y1 = (x * 14448 - x1 * 8380 - y1 * 1802 + 4096) >> 13
            x1 = x
            out.append(y1)
        self.dc, self.x1, self.y1 = dc, x1, y1
        return out

    def frame(self, pcm, size):
        ec = RangeEncoder(size)
        y = self.tail + self.emphasise(pcm)
        self.tail = y[FRAME:]
        peak = 0
        for value in y:
            peak |= value if value >= 0 else ~value
        self.quiet_frames = self.quiet_frames + 1 if peak < self.quiet else 0
        bins, exponent = mdct(y)
        bits = size * 8
        silent = not any(bins)
        ec.bit(silent, 15)
        if silent:
            self.old = [LEAST] * BANDS
            ec.total += size * 8 - ec.tell()
            return self._done(ec)
        if ec.tell() + 16 <= bits:
            ec.bit(0, 1)  # no pitch filter
        if ec.tell() + 3 <= bits:
            ec.bit(0, 3)  # not transient
        # band energies, and the bins of every band brought to 12 bits
        energy = [0] * BANDS
        x = [0] * FRAME
        for i in range(BANDS):
            first, last = 8 * EDGES[i], 8 * EDGES[i + 1]
            peak = 0
            for j in range(first, last):
                peak |= bins[j] if bins[j] >= 0 else ~bins[j]
            shift = ilog(peak) - 12
            total = 0
            for j in range(first, last):
                value = bins[j] >> shift if shift > 0 else bins[j] << -shift
                x[j] = value
                total += value * value
            if total == 0:
                energy[i] = -(14 << 10)
            else:
                # / 160 of the MDCT, / 4 of the samples: log2(640) = 9.3219
                energy[i] = (log2_q10(total) >> 1) + ((shift + exponent) << 10) - 9546 - (MEANS[i] << 6)
        error = self._coarse(ec, energy, bits)
        # time-frequency changes: none
        logp = 4
        for i in range(BANDS):
            if ec.tell() + logp <= bits - (1 if i or ec.tell() + logp + 1 <= bits else 0):
                ec.bit(0, logp)
            logp = 5
        if ec.tell() + 4 <= bits:
            ec.icdf(SPREAD, SPREAD_ICDF, 5)
        # dynamic boost: none
        for i in range(BANDS):
            if ec.tell_frac() + (6 << 3) < bits << 3:
                ec.bit(0, 6)
        if ec.tell_frac() + (6 << 3) <= bits << 3:
            ec.icdf(TRIM, TRIM_ICDF, 7)
        pulses, fine, late, coded, balance = self._allocate(ec, (bits << 3) - ec.tell_frac() - 1)
        # fine energy
        for i in range(BANDS):
            if fine[i] <= 0:
                continue
            q = ((error[i] + 512) << fine[i]) >> 10
            top = (1 << fine[i]) - 1
            q = 0 if q < 0 else top if q > top else q
            ec.bits(q, fine[i])
            offset = (((2 * q + 1) << 10) >> (fine[i] + 1)) - 512
            self.old[i] += offset
            error[i] -= offset
        # shape
        for i in range(BANDS):
            tell = ec.tell_frac()
            if i:
                balance -= tell
            remaining = (bits << 3) - tell - 1
            b = 0
            if i < coded:
                left = coded - i
                b = pulses[i] + div(balance, left if left < 3 else 3)
                b = max(0, min(16383, remaining + 1, b))
            n = 8 * WIDTHS[i]
            self._partition(ec, x, 8 * EDGES[i], n, b, LM, i, remaining)
            balance += pulses[i] + tell
        # bits that are left
        left = bits - ec.tell()
        for priority in (0, 1):
            for i in range(BANDS):
                if left < 1:
                    break
                if fine[i] >= 8 or late[i] != priority:
                    continue
                q = 0 if error[i] < 0 else 1
                ec.bits(q, 1)
                offset = ((q << 10) - 512) >> (fine[i] + 1)
                self.old[i] += offset
                error[i] -= offset
                left -= 1
        return self._done(ec)

    def _done(self, ec):
        self.ranges.append(ec.rng)
        out = ec.done()
        assert not ec.error, "the frame did not fit"
        return out

    # coarse energy [4.3.2.1]

    def _coarse(self, ec, energy, bits):
        old = self.old
        intra = self.intra
        self.intra = False
        if ec.tell() + 3 <= bits:
            ec.bit(intra, 3)
        else:
            intra = False
        model = INTRA if intra else INTER
        beta = 4915 if intra else 6554
        max_decay = 16 << 10
        if bits < 16 * 8:
            max_decay = bits << 4  # 1/8 of the bytes
        prev = 0
        error = [0] * BANDS
        for i in range(BANDS):
            o = old[i] if old[i] > -9 << 10 else -9 << 10
            predicted = prev if intra else prev + (o >> 1)
            f = energy[i] - predicted
            q = (f + 512) >> 10
            floor = old[i] - max_decay
            if q < 0 and energy[i] < floor:
                q += (floor - energy[i]) >> 10
                if q > 0:
                    q = 0
            tell = ec.tell()
            left = bits - tell - 3 * (BANDS - i)
            if i and left < 30:
                if left < 24 and q > 1:
                    q = 1
                if left < 16 and q < -1:
                    q = -1
            if bits - tell >= 15:
                q = self._laplace(ec, q, model[2 * i] << 7, model[2 * i + 1] << 6)
            elif bits - tell >= 2:
                q = max(-1, min(1, q))
                ec.icdf(0 if q == 0 else 1 if q < 0 else 2, (2, 1, 0), 2)
            elif bits - tell >= 1:
                q = min(0, q)
                ec.bit(-q, 1)
            else:
                q = -1
            error[i] = f - (q << 10)
            value = predicted + (q << 10)
            old[i] = value if value > LEAST else LEAST
            prev += (q << 10) - (beta * q >> 5)
        return error

    @staticmethod
    def _laplace(ec, value, fs, decay):
        low = 0
        if value:
            s = -1 if value < 0 else 0
            size = (value + s) ^ s
            low = fs
            fs = (32768 - 32 - fs) * (16384 - decay) >> 15
            i = 1
            while fs > 0 and i < size:
                fs *= 2
                low += fs + 2
                fs = fs * decay >> 15
                i += 1
            if fs == 0:  # the flat tail
                most = ((32768 - low) - s) >> 1
                d = min(size - i, most - 1)
                low += 2 * d + 1 + s
                fs = min(1, 32768 - low)
                value = (i + d + s) ^ s
            else:
                fs += 1
                if s == 0:
                    low += fs
        ec.encode_bin(low, low + fs, 15)
        return value

    # implicit allocation [4.3.3]

    def _allocate(self, ec, total):
        total = max(total, 0)
        skip_reserve = 8 if total >= 8 else 0
        total -= skip_reserve
        threshold = [max(8, (3 * WIDTHS[i] << 6) >> 4) for i in range(BANDS)]
        tilt = [WIDTHS[i] * (TRIM - 5 - LM) * (BANDS - i - 1) * 64 >> 6 for i in range(BANDS)]

        def bits_of(quality, i):
            b = CAPS[i] if quality > 10 else WIDTHS[i] * ALLOCATION[quality][i] << 3 >> 2
            return max(0, b + tilt[i]) if b > 0 else b

        low, high = 1, 10
        while low <= high:
            mid = (low + high) >> 1
            used, done = 0, False
            for i in range(BANDS - 1, -1, -1):
                b = bits_of(mid, i)
                if b >= threshold[i] or done:
                    done = True
                    used += min(b, CAPS[i])
                elif b >= 8:
                    used += 8
            if used > total:
                high = mid - 1
            else:
                low = mid + 1
        high = low
        low -= 1
        base = [bits_of(low, i) for i in range(BANDS)]
        more = [max(0, bits_of(high, i) - base[i]) for i in range(BANDS)]
        low, high = 0, 64
        for _ in range(6):
            mid = (low + high) >> 1
            used, done = 0, False
            for i in range(BANDS - 1, -1, -1):
                b = base[i] + (mid * more[i] >> 6)
                if b >= threshold[i] or done:
                    done = True
                    used += min(b, CAPS[i])
                elif b >= 8:
                    used += 8
            if used > total:
                high = mid
            else:
                low = mid
        bits = [0] * BANDS
        used, done = 0, False
        for i in range(BANDS - 1, -1, -1):
            b = base[i] + (low * more[i] >> 6)
            if b < threshold[i] and not done:
                b = 8 if b >= 8 else 0
            else:
                done = True
            b = min(b, CAPS[i])
            bits[i] = b
            used += b
        coded = BANDS
        while True:
            i = coded - 1
            if i == 0:
                total += skip_reserve
                break
            left = total - used
            each = left // EDGES[coded]
            left -= EDGES[coded] * each
            rest = max(left - EDGES[i], 0)
            band = bits[i] + each * WIDTHS[i] + rest
            if band >= max(threshold[i], 16):
                if coded <= 2 or band > (SKIP * WIDTHS[i] << 6) >> 4:
                    ec.bit(1, 1)
                    break
                ec.bit(0, 1)
                used += 8
                band -= 8
            used -= bits[i]
            if band >= 8:
                used += 8
                bits[i] = 8
            else:
                bits[i] = 0
            coded -= 1
        left = total - used
        each = left // EDGES[coded]
        left -= EDGES[coded] * each
        for i in range(coded):
            bits[i] += each * WIDTHS[i]
            extra = min(left, WIDTHS[i])
            bits[i] += extra
            left -= extra
        fine, late = [0] * BANDS, [0] * BANDS
        balance = 0
        for i in range(coded):
            n = 8 * WIDTHS[i]
            bit = bits[i] + balance
            excess = max(bit - CAPS[i], 0)
            bits[i] = bit - excess
            n_log = n * (LOG_N[i] + (LM << 3))
            offset = (n_log >> 1) - n * 21
            if bits[i] + offset < n * 16:
                offset += n_log >> 2
            elif bits[i] + offset < n * 24:
                offset += n_log >> 3
            f = max(0, bits[i] + offset + (n << 2)) // n >> 3
            if f > bits[i] >> 3:
                f = bits[i] >> 3
            f = min(f, 8)
            late[i] = 1 if f * (n << 3) >= bits[i] + offset else 0
            bits[i] -= f << 3
            if excess > 0:
                extra = min(excess >> 3, 8 - f)
                f += extra
                extra <<= 3
                late[i] = 1 if extra >= excess - balance else 0
                excess -= extra
            fine[i] = f
            balance = excess
        for i in range(coded, BANDS):
            fine[i] = bits[i] >> 3
            bits[i] = 0
            late[i] = 1 if fine[i] < 1 else 0
        return bits, fine, late, coded, balance

    # one band or a part of it [4.3.4]

    def _partition(self, ec, x, at, n, b, lm, band, remaining):
        """Codes n values from ``at`` in about b eighths of a bit; returns what then remains of the frame."""
        costs = COSTS[n]
        if lm != -1 and b > costs[-1] - 1 + 12 and n > 2:
            return self._split(ec, x, at, n >> 1, b, lm - 1, band, remaining)
        # the number of pulses whose cost is nearest [4.3.4.1]
        low, high = 0, len(costs) - 1
        b -= 1
        for _ in range(6):
            mid = (low + high + 1) >> 1
            if costs[mid] - 1 >= b:
                high = mid
            else:
                low = mid
        if b - (costs[low] - 1) <= costs[high] - 1 - b:
            q = low
        else:
            q = high
        remaining -= costs[q]
        while remaining < 0 and q > 0:
            remaining += costs[q]
            q -= 1
            remaining -= costs[q]
        if q:
            k = pseudo_pulses(q)
            part = x[at : at + n]
            if 2 * k < n:
                part = rotate(part, k)
            index, words = pvq_index(pvq_search(part, k))
            ec.uint(index, words)
        return remaining

    def _split(self, ec, x, at, n, b, lm, band, remaining):
        """[4.3.4.4]"""
        cap = LOG_N[band] + (lm << 3)
        offset = (cap >> 1) - 4
        qb = div(b + (2 * n - 1) * offset, 2 * n - 1)
        qb = min(qb, b - cap - 32, 64)
        if qb < 4:
            qn = 1
        else:
            qn = ((EXP2_8[qb & 7] >> (14 - (qb >> 3))) + 1) >> 1 << 1
        tell = ec.tell_frac()
        theta = 0
        if qn != 1:
            mid = sum(v * v for v in x[at : at + n])
            side = sum(v * v for v in x[at + n : at + 2 * n])
            mid, side = root(mid), root(side)
            theta = angle(mid, side) if mid or side else 8192
            theta = (theta * qn + 8192) >> 14
            half = qn >> 1
            total = (half + 1) * (half + 1)
            if theta <= half:
                width, low = theta + 1, theta * (theta + 1) >> 1
            else:
                width = qn + 1 - theta
                low = total - ((qn + 1 - theta) * (qn + 2 - theta) >> 1)
            ec.encode(low, low + width, total)
            theta = theta * 16384 // qn
        used = ec.tell_frac() - tell
        b -= used
        if theta == 0:
            delta = -16384
        elif theta == 16384:
            delta = 16384
        else:
            c, s = cos_q15(theta), cos_q15(16384 - theta)
            delta = mul16((n - 1) << 7, log2_tan(s, c))
        first = max(0, min(b, div(b - delta, 2)))
        second = b - first
        remaining -= used
        before = remaining
        if first >= second:
            remaining = self._partition(ec, x, at, n, first, lm, band, remaining)
            over = first - (before - remaining)
            if over > 24 and theta != 0:
                second += over - 24
            return self._partition(ec, x, at + n, n, second, lm, band, remaining)
        remaining = self._partition(ec, x, at + n, n, second, lm, band, remaining)
        over = second - (before - remaining)
        if over > 24 and theta != 16384:
            first += over - 24
        return self._partition(ec, x, at, n, first, lm, band, remaining)


def rotate(x, k):
    """[4.3.4.3]: the rotation that the decoder undoes, so that few pulses spread over more bins."""
    n = len(x)
    x = list(x)
    gain = (32767 * n) // (n + 10 * k)
    theta = gain * gain >> 16  # of a quarter turn, Q15
    c, s = cos_q15(theta >> 1), cos_q15((32767 - theta) >> 1)
    stride = 0
    if n >= 8:
        stride = 1
        while stride * stride + stride < n:
            stride += 1
    _turn(x, n, 1, c, -s)
    if stride:
        _turn(x, n, stride, s, -c)
    return x


def _turn(x, n, stride, c, s):
    for i in range(n - stride):
        a, b = x[i], x[i + stride]
        x[i + stride] = (c * b + s * a + 16384) >> 15
        x[i] = (c * a - s * b + 16384) >> 15
    for i in range(n - 2 * stride - 1, -1, -1):
        a, b = x[i], x[i + stride]
        x[i + stride] = (c * b + s * a + 16384) >> 15
        x[i] = (c * a - s * b + 16384) >> 15
