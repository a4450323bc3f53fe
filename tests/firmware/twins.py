"""Plain twins of the firmware's viper functions: same arguments, same effect, written for clarity on any Python.

They are also what the shared vectors in tests/vectors are made with, so they follow docs/wire.md, not the viper code.
"""

import math
import struct

STEPS = [
    7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97,
    107, 118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724,
    796, 876, 963, 1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026,
    4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500,
    20350, 22385, 24623, 27086, 29794, 32767,
]  # fmt: skip
_INDEX = [-1, -1, -1, -1, 2, 4, 6, 8]


def clamp(value, low, high):
    return max(low, min(high, value))


def copy(target, at, source, start, count):
    target[at : at + count] = bytes(source[start : start + count])


def xor(data, at, count, keys, key):
    for i in range(count):
        data[at + i] ^= keys[key + (i & 3)]


def chacha_block(state, out, order=None):
    def rotate(value, count):
        return (value << count | value >> (32 - count)) & 0xFFFFFFFF

    def quarter(a, b, c, d):
        x[a] = (x[a] + x[b]) & 0xFFFFFFFF
        x[d] = rotate(x[d] ^ x[a], 16)
        x[c] = (x[c] + x[d]) & 0xFFFFFFFF
        x[b] = rotate(x[b] ^ x[c], 12)
        x[a] = (x[a] + x[b]) & 0xFFFFFFFF
        x[d] = rotate(x[d] ^ x[a], 8)
        x[c] = (x[c] + x[d]) & 0xFFFFFFFF
        x[b] = rotate(x[b] ^ x[c], 7)

    start = list(struct.unpack("<16I", bytes(state)))
    x = list(start)
    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    for i in range(16):
        struct.pack_into("<I", out, 4 * i, (x[i] + start[i]) & 0xFFFFFFFF)
    start[12] = (start[12] + 1) & 0xFFFFFFFF
    struct.pack_into("<I", state, 48, start[12])


def is_utf8(data, count):
    """By the table of RFC 3629 section 4."""
    data = bytes(data[:count])
    i = 0
    while i < len(data):
        lead = data[i]
        for first, last, low, high, more in (
            (0x00, 0x7F, 0, 0, 0),
            (0xC2, 0xDF, 0x80, 0xBF, 1),
            (0xE0, 0xE0, 0xA0, 0xBF, 2),
            (0xE1, 0xEC, 0x80, 0xBF, 2),
            (0xED, 0xED, 0x80, 0x9F, 2),
            (0xEE, 0xEF, 0x80, 0xBF, 2),
            (0xF0, 0xF0, 0x90, 0xBF, 3),
            (0xF1, 0xF3, 0x80, 0xBF, 3),
            (0xF4, 0xF4, 0x80, 0x8F, 3),
        ):
            if first <= lead <= last:
                tail = data[i + 1 : i + 1 + more]
                if len(tail) < more or (more and not low <= tail[0] <= high):
                    return False
                if any(byte & 0xC0 != 0x80 for byte in tail[1:]):
                    return False
                i += 1 + more
                break
        else:
            return False
    return True


class Adpcm:
    """The coder of docs/wire.md section 4."""

    def __init__(self, predictor=0, index=0):
        self.predictor = predictor
        self.index = index

    def header(self):
        return struct.pack("<hBB", self.predictor, self.index, 0)

    def _apply(self, nibble):
        step = STEPS[self.index]
        change = (step >> 3) + (step if nibble & 4 else 0) + (step >> 1 if nibble & 2 else 0)
        change += step >> 2 if nibble & 1 else 0
        self.predictor = clamp(self.predictor + (-change if nibble & 8 else change), -32768, 32767)
        self.index = clamp(self.index + _INDEX[nibble & 7], 0, 88)

    def _choose(self, sample):
        step = STEPS[self.index]
        left = abs(sample - self.predictor)
        nibble = 8 if sample < self.predictor else 0
        for bit in (4, 2, 1):
            if left >= step:
                nibble |= bit
                left -= step
            step >>= 1
        return nibble

    def encode(self, samples):
        """An even number of samples -> half as many bytes."""
        out = bytearray()
        for i, sample in enumerate(samples):
            nibble = self._choose(sample)
            self._apply(nibble)
            if i & 1:
                out[-1] |= nibble << 4
            else:
                out.append(nibble)
        return bytes(out)

    def decode(self, data):
        samples = []
        for byte in data:
            for nibble in (byte & 15, byte >> 4):
                self._apply(nibble)
                samples.append(self.predictor)
        return samples


def from_i2s(words, gain):
    """-> (samples, peak)"""
    samples = [clamp(word >> (16 - gain), -32768, 32767) for word in words]
    return samples, max(abs(sample) for sample in samples)


def scale(samples, factor):
    return [sample * factor >> 8 for sample in samples]


def quantise_value(value, bits):
    """One float of docs/pose-packet.md section 2; None where it is missing."""
    if value != value or value in (float("inf"), float("-inf")):
        return None
    scaled = abs(value) * 2.0**bits
    size = int(scaled + 0.5) if scaled < 32767 else 32767
    return -size if value < 0 else size


def unit_quaternion(values, unit):
    """A quaternion on the grid as a rotation, by docs/pose-packet.md section 7; None when it has no length."""
    grid = [int(clamp(abs(v) * unit + 0.5, 0, unit)) * (-1 if v < 0 else 1) for v in values]
    if abs(sum([v * v for v in grid]) - unit * unit) <= 2 * unit + 1:
        return grid
    values = [v if abs(v) >= 2.0**-126 else 0.0 for v in values]
    exponent = max([math.frexp(v)[1] for v in values if v] or [0])
    m = [int(math.ldexp(abs(v), 13 - exponent) + 0.5) for v in values]
    square = sum([v * v for v in m])
    if not square:
        return None
    n = int(square**0.5)
    n += square - n * n > n
    return [min((v * unit + (n >> 1)) // n, unit) * (-1 if x < 0 else 1) for v, x in zip(m, values)]


def crc16(data, crc=0xFFFF):
    """CRC-16/CCITT-FALSE, bit by bit."""
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = crc << 1 ^ (0x1021 if crc & 0x8000 else 0)
            crc &= 0xFFFF
    return crc


def crc32(data):
    """CRC-32 as in zlib, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def pose_control(stream, sequence, body):
    """A control packet of docs/pose-packet.md section 9."""
    packet = struct.pack(">BBH", 0x3C, stream, sequence) + body
    return packet + struct.pack(">I", crc32(packet))


def find_sync(data, start, end):
    for i in range(start, end):
        if data[i] == 0xA5 and (i + 1 == end or data[i + 1] == 0x5A):
            return i
    return end


def imu_values(raw, layout):
    """Registers -> 6 counts, accelerometer first; layout as in imu_chips.CHIPS."""
    accel, gyro, high, accel_scale, gyro_scale = layout
    values = []
    for at, scale in ((accel, accel_scale), (gyro, gyro_scale)):
        for i in range(3):
            word = struct.unpack(">h" if high else "<h", bytes(raw[at + 2 * i : at + 2 * i + 2]))[0]
            values.append(clamp((word * scale + 8192) >> 14, -32768, 32767))
    return tuple(values)


def loudness(pcm, at, count):
    return sum([abs(value) for value in struct.unpack_from("<%dh" % count, pcm, 2 * at)]) // count


def _word(value):
    """A number that 32 bits with a sign hold, as all of a viper function on a chip must be."""
    assert -0x80000000 <= value <= 0x7FFFFFFF, value
    return value


class OneEuro:
    """posewire_fw.pose_filter, value by value. numbers, frame and answer are lists; a missing value is None."""

    def __init__(self, channels, min_cutoff, beta):
        self.channels = channels
        self.least = round(min_cutoff * 65536)
        self.beta = round(beta * 64)
        self.cap = 2**29 // self.beta if self.beta else 2**29
        self.state = None
        self.time = 0

    def __call__(self, floats, time):
        if self.state is None:
            self.state = [[None, 0] for _ in floats]
        dt = min(max((time - self.time) & 0xFFFFFFFF, 1), 60000)
        self.time = time
        corner = (10430378 + dt // 2) // dt
        zeros = 0
        while 65536 << (zeros + 1) <= 65536 + corner:
            zeros += 1
        follow = (2**30 - 1) // ((65536 + corner) >> (zeros + 1)), zeros
        out = []
        for i in range(len(floats)):
            first = i - i % self.channels
            there = all(value - value == 0 for value in floats[first : first + self.channels])
            out.append(self._value(self.state[i], floats[i], there, dt, corner, follow))
        return out

    def _value(self, state, value, there, dt, corner, follow):
        last, speed = state
        now = None
        if there:
            now = int(min(abs(value), 128.0) * 2.0**22 + 0.5)
            now = -now if value < 0 else now
        diff = now - last if there and last is not None else 0
        raw = _word(clamp(diff >> 4, -(2**21), 2**21) * 1000) // dt
        change = _word(clamp(raw, -(2**29), 2**29) - speed)
        state[1] = speed = speed + self._part(change, *follow)
        state[0] = now
        if not there or last is None:
            return value
        speed = abs(speed)
        shift = 0
        while speed >> shift > self.cap:
            shift += 1
        cutoff = _word((speed >> shift) * self.beta) >> (8 - shift) if shift <= 8 else 2**29
        cutoff += self.least
        total = _word(cutoff + corner)
        zeros = 0
        while 2 * cutoff < total:
            cutoff *= 2
            zeros += 1
        while total > 65535:
            total >>= 1
            cutoff >>= 1
        weight = _word((cutoff << 15) + total // 2) // total
        state[0] = last = last + self._part(diff, weight, zeros)
        size = abs(last)
        spare = 0  # bits beyond the 24 that a float32 holds
        while size >> spare > 0xFFFFFF:
            spare += 1
        size = size >> spare << spare
        return (-size if last < 0 else size) / 2.0**22

    def _part(self, change, weight, zeros):
        high = _word(_word((change >> 16) * weight) << 1)
        part = _word(high + (_word((change & 0xFFFF) * weight + 0x4000) >> 15))
        return part + (1 << zeros >> 1) >> zeros
