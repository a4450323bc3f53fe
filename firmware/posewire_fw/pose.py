"""Pose packets (docs/wire.md section 5): quantising straight from float32 bits, key and delta packets, CRC."""

import micropython
from micropython import const

KEY = const(0)
DELTA = const(1)

CUSTOM = const(0)
IMU6 = const(8)

# The largest set: face478.
VALUES_MAX = const(1434)

# The longest packet: header and CRC, and a value takes three bytes at most.
PACKET_MAX = const(14 + 3 * 1434)

# The step of a custom set: 2^-12.
CUSTOM_BITS = const(12)

# A late member waits for a key packet at most this many packets.
_KEY_EVERY = const(100)

# set: landmarks, channels, bits after the binary point by channel
SETS = {
    1: (33, 4, b"\x0c\x0c\x0a\x06"),
    2: (42, 3, b"\x0c\x0c\x0a"),
    3: (468, 3, b"\x0c\x0c\x0a"),
    4: (478, 3, b"\x0c\x0c\x0a"),
    5: (33, 4, b"\x0a\x0a\x0a\x06"),
    6: (17, 3, b"\x0c\x0c\x06"),
    7: (1, 4, b"\x0e\x0e\x0e\x0e"),
    8: (2, 3, b"\x00\x00\x00"),
    9: (16, 4, b"\x0e\x0e\x0e\x0e"),
}


@micropython.viper
def quantise(source, at: int, values, landmarks: int, channels: int, bits):
    """Float32 at a byte offset (a multiple of 4) of source -> 16-bit integers with steps of 2^-bits[channel].

    Half away from zero; too large and infinite values saturate to +-32767; NaN is -32768.
    """
    s = ptr32(source)
    q = ptr16(values)
    b = ptr8(bits)
    i = 0
    word = at >> 2
    while landmarks:
        c = 0
        while c < channels:
            v = int(s[word])
            word += 1
            e = (v >> 23) & 255
            m = v & 0x7FFFFF
            if e == 255:
                m = 0x8000 if m else 32767
            elif e == 0:
                m = 0  # zero, or so small that it rounds to zero
            else:
                shift = 150 - e - int(b[c])
                m |= 0x800000
                if shift > 24:
                    m = 0
                elif shift > 8:
                    m = (m + (1 << (shift - 1))) >> shift
                    if m > 32767:
                        m = 32767
                else:
                    m = 32767
            if (v >> 31) & 1:
                m = 0 - m  # -32768 is its own negative in 16 bits
            q[i] = m & 0xFFFF
            i += 1
            c += 1
        landmarks -= 1


@micropython.viper
def put_values(values, reference, count: int, delta: int, out, at: int) -> int:
    """Write count values (delta: minus the reference) as zigzag varints; they become the reference. Returns the end."""
    q = ptr16(values)
    r = ptr16(reference)
    o = ptr8(out)
    i = 0
    while i < count:
        v = (int(q[i]) ^ 0x8000) - 0x8000
        if delta:
            v -= (int(r[i]) ^ 0x8000) - 0x8000
        r[i] = int(q[i])
        v = v << 1
        if v < 0:
            v = (0 - v) - 1
        while v > 127:
            o[at] = (v & 127) | 128
            at += 1
            v = v >> 7
        o[at] = v
        at += 1
        i += 1
    return at


@micropython.viper
def crc16(data, start: int, end: int, crc: int) -> int:
    """CRC-16/CCITT-FALSE of data[start:end], going on from crc (0xFFFF to begin)."""
    d = ptr8(data)
    while start < end:
        x = ((crc >> 8) ^ int(d[start])) & 255
        x ^= x >> 4
        crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xFFFF
        start += 1
    return crc


class PoseStream:
    """One landmark set on its way up. A source writes `values` and `time`, then publishes; the uplink takes the newest.

    values: 16-bit integers, landmark by landmark; time: 4 bytes, big-endian ms.
    """

    def __init__(self, set_id, landmarks, channels, bits):
        self.set_id = set_id
        self.time = bytearray(4)
        self._sequence = 0
        self._crc = 0
        self._since_key = 0
        self.sent = 0
        self.skipped = 0
        self.reshape(landmarks, channels, bits)

    def reshape(self, landmarks, channels, bits):
        """Make room for another number of landmarks or channels."""
        if landmarks * channels > VALUES_MAX:
            raise ValueError("at most %d values" % VALUES_MAX)
        self.landmarks = landmarks
        self.channels = channels
        self.bits = bits
        self._count = landmarks * channels
        self.values = bytearray(2 * self._count)
        self._reference = bytearray(2 * self._count)
        self._key = True
        self._fresh = False

    def key_wanted(self):
        """The next packet is a key packet."""
        self._key = True

    def publish(self):
        """values and time are a complete new sample."""
        # While a key packet is due nobody has been receiving (or has just asked): that is not a loss.
        if self._fresh and not self._key:
            self.skipped += 1
        self._fresh = True

    def fill(self, buf, at):
        """Write a packet with the newest sample, if it was not sent yet; returns its length."""
        if not self._fresh:
            return 0
        self._fresh = False
        if self._since_key >= _KEY_EVERY:
            self._key = True
        end = self._write_header(buf, at, KEY if self._key else DELTA)
        end = self._put_values(buf, end)
        self._finish(buf, at, end)
        return end + 2 - at

    def _put_values(self, buf, at):
        return put_values(self.values, self._reference, self._count, 0 if self._key else 1, buf, at)

    def _write_header(self, buf, at, kind):
        sequence = self._sequence
        buf[at] = kind
        buf[at + 1] = self.set_id
        buf[at + 2] = sequence >> 8
        buf[at + 3] = sequence & 0xFF
        for i in range(4):
            buf[at + 4 + i] = self.time[i]
        if self.set_id != CUSTOM:
            return at + 8
        buf[at + 8] = self.landmarks >> 8
        buf[at + 9] = self.landmarks & 0xFF
        buf[at + 10] = self.channels
        buf[at + 11] = self.bits[0]
        return at + 12

    def _finish(self, buf, at, end):
        if self._key:
            self._key = False
            self._since_key = 0
            self._crc = 0xFFFF
        self._since_key += 1
        self._crc = crc16(buf, at, end, self._crc)
        buf[end] = self._crc >> 8
        buf[end + 1] = self._crc & 0xFF
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.sent += 1
