"""The One-Euro filter on its way up (Casiez, Roussel, Vogel, CHI 2012): steadier at rest, little lag in motion. Lossy.

As posewire.wire.pose.OneEuro, in integers: values with 22 bits of fraction, limited to 128 (as a landmark's are long
before), speeds in units a second with 18, limited to 2048, cutoffs in Hz with 16, weights with 15 and as many more as
they begin with zeros. Whatever is written to memory is positive, and nothing exceeds 31 bits and a sign.
"""

from array import array

import micropython
from micropython import const

_QUAT = const(7)
_HALF = const(0x20000000)
# 65536 * 1000 / 2 pi: over milliseconds, the cutoff in Hz at which a weight is a half.
_CORNER = const(10430378)
_LONGEST_MS = const(60000)

# Of `numbers`: what apply() changes with every frame.
_DT = const(2)
_CORNER_AT = const(3)
_FOLLOW = const(4)
_ZEROS = const(5)


@micropython.viper
def smooth(values, state, numbers):
    """Filter the float32 values of a frame in place.

    state, of 32 bits each: last values (plus 2^29 + 1; 0 where there is none), then speeds (plus 2^29). numbers:
    landmarks, channels, ms since the frame before, corner, weight of a new speed and the zeros it begins with, least
    cutoff, beta (6 bits of fraction), 2^29 // beta. A landmark with a value that is not finite is missing, and starts
    anew when it comes back.
    """
    v = ptr32(values)
    h = ptr16(values)
    s = ptr32(state)
    p = ptr32(numbers)
    channels = int(p[1])
    n = int(p[0]) * channels
    dt = int(p[2])
    corner = int(p[3])
    follow = int(p[4])
    zeros = int(p[5])
    least = int(p[6])
    beta = int(p[7])
    cap = int(p[8])
    q = 0
    while q < n:
        stop = q + channels
        there = 1
        k = q
        while k < stop:
            if (v[k] >> 23) & 255 == 255:
                there = 0
            k += 1
        while q < stop:
            last = int(s[q])
            now = 0
            diff = 0
            if there:
                shift = ((int(v[q]) >> 23) & 255) - 128
                if shift > 5:
                    now = 0x20000000
                elif shift > -25:
                    now = (int(v[q]) & 0x7FFFFF) | 0x800000
                    if shift < 0:
                        shift = 0 - shift
                        now = (now + (1 << (shift - 1))) >> shift
                    else:
                        now <<= shift
                if (int(v[q]) >> 31) & 1:
                    now = 0 - now
                now += 0x20000001
                if last:
                    diff = now - last
            raw = diff >> 4
            if raw > 0x200000:
                raw = 0x200000
            if raw < -0x200000:
                raw = -0x200000
            raw = (raw * 1000) // dt
            if raw > 0x20000000:
                raw = 0x20000000
            if raw < -0x20000000:
                raw = -0x20000000
            speed = int(s[n + q]) - 0x20000000
            raw -= speed
            raw = (((raw >> 16) * follow) << 1) + (((raw & 0xFFFF) * follow + 0x4000) >> 15)
            if zeros:
                raw = (raw + (1 << (zeros - 1))) >> zeros
            speed += raw
            s[n + q] = speed + 0x20000000
            if there == 0 or last == 0:
                s[q] = now
            else:
                if speed < 0:
                    speed = 0 - speed
                shift = 8
                while speed > cap:
                    speed >>= 1
                    shift -= 1
                cutoff = 0x20000000
                if shift >= 0:
                    cutoff = (speed * beta) >> shift
                cutoff += least
                total = cutoff + corner
                shift = 0
                while (cutoff << 1) < total:
                    cutoff <<= 1
                    shift += 1
                while total > 65535:
                    total >>= 1
                    cutoff >>= 1
                weight = ((cutoff << 15) + (total >> 1)) // total
                diff = (((diff >> 16) * weight) << 1) + (((diff & 0xFFFF) * weight + 0x4000) >> 15)
                if shift:
                    diff = (diff + (1 << (shift - 1))) >> shift
                last += diff
                s[q] = last
                last -= 0x20000001
                sign = 0
                if last < 0:
                    sign = 0x8000
                    last = 0 - last
                exponent = 0
                if last:
                    exponent = 128
                    while last < 0x800000:
                        last <<= 1
                        exponent -= 1
                    while last > 0xFFFFFF:
                        last >>= 1
                        exponent += 1
                h[2 * q] = last & 0xFFFF
                h[2 * q + 1] = sign | (exponent << 7) | ((last >> 16) & 0x7F)
            q += 1


def can_smooth(set_id):
    """Not quaternions: two signs stand for the same one, and the way between them leads through none."""
    return set_id != _QUAT


class PoseFilter:
    """min_cutoff in Hz, 0.1 ... 20: lower is steadier; beta, 0 ... 100: higher lags less in motion.

    Everything is allocated by reshape(); apply() allocates nothing.
    """

    def __init__(self, min_cutoff=1, beta=10):
        beta = round(beta * 64)
        cap = _HALF // beta if beta else _HALF
        self._numbers = array("i", [0, 0, 1, 0, 0, 0, round(min_cutoff * 65536), beta, cap])
        self._state = array("i")
        self._time = bytearray(4)

    def reshape(self, landmarks, channels):
        """Start anew, with room for frames of this shape. Raises MemoryError."""
        self._numbers[0] = 0
        n = landmarks * channels
        self._state = state = array("i", bytes(8 * n))
        for i in range(n, 2 * n):
            state[i] = _HALF
        self._numbers[0] = landmarks
        self._numbers[1] = channels

    @micropython.native
    def apply(self, values, time):
        """Filter float32 values in place. time: of the frame, 4 bytes, big-endian ms."""
        was = self._time
        high = (time[0] << 8 | time[1]) - (was[0] << 8 | was[1])
        low = (time[2] << 8 | time[3]) - (was[2] << 8 | was[3])
        if low < 0:
            low += 65536
            high -= 1
        if high & 0xFFFF or low > _LONGEST_MS:
            low = _LONGEST_MS
        elif low == 0:
            low = 1
        was[0] = time[0]
        was[1] = time[1]
        was[2] = time[2]
        was[3] = time[3]
        numbers = self._numbers
        corner = (_CORNER + low // 2) // low
        numbers[_DT] = low
        numbers[_CORNER_AT] = corner
        # A speed follows with a cutoff of 1 Hz.
        corner += 65536
        zeros = 0
        while 131072 << zeros <= corner:
            zeros += 1
        numbers[_FOLLOW] = 0x3FFFFFFF // (corner >> zeros + 1)
        numbers[_ZEROS] = zeros
        smooth(values, self._state, numbers)
