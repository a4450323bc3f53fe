"""A BNO080, 085 or 086 in UART-RVC mode (PS0 high, PS1 low, 115200 baud) as one quaternion: the chip does the fusion.

It sends 19 bytes a hundred times a second: AA AA, a count, yaw, pitch, roll in 0.01 degrees, acceleration, three bytes
to ignore, and the sum of what follows AA AA.
"""

import micropython
from micropython import const

from posewire_fw.fixed import put_float, sine, sine_table
from posewire_fw.pose_stream import PoseStream

BAUD = const(115200)
QUAT = const(7)

_SIZE = const(19)
_CHUNKS = const(8)
_QUARTER = const(16384)


class Bno08x:
    """Reads from a UART; stream is its pose stream."""

    def __init__(self, uart, clock):
        self._uart = uart
        self._clock = clock
        self._frame = bytearray(_SIZE)
        self._at = 0
        self._byte = bytearray(64)
        self._table = sine_table()
        self.stream = PoseStream(QUAT, 1, 4)
        self.frames = 0
        self.bad_frames = 0
        self.skipped_bytes = 0

    def poll(self):
        """Take what the UART has."""
        for _ in range(_CHUNKS):
            if not self._uart.any():
                return
            count = self._uart.readinto(self._byte)
            if not count:
                return
            self.feed(self._byte, count)

    def feed(self, chunk, count):
        """Take bytes."""
        for i in range(count):
            self._take(chunk[i])

    def _take(self, byte):
        at = self._at
        if at < 2 and byte != 0xAA:
            self.skipped_bytes += at + 1
            self._at = 0
            return
        self._frame[at] = byte
        self._at = at + 1
        if self._at == _SIZE:
            self._at = 0
            if self._sound():
                self._publish()
            else:
                self.bad_frames += 1

    def _sound(self):
        total = 0
        for i in range(2, _SIZE - 1):
            total += self._frame[i]
        return total & 0xFF == self._frame[_SIZE - 1]

    def _half(self, at):
        """Half of the angle at an offset, in 65536ths of a turn."""
        value = self._frame[at] | self._frame[at + 1] << 8
        if value > 32767:
            value -= 65536
        # 65536 / 72000, in 32768ths
        return value * 29826 >> 15

    @micropython.native
    def _publish(self):
        values = self.stream.values
        table = self._table
        # Cosine and sine of half of roll, pitch and yaw; products of two at once, to stay within small numbers.
        half = self._half(3)
        cy = sine(table, half + _QUARTER)
        sy = sine(table, half)
        half = self._half(5)
        cp = sine(table, half + _QUARTER)
        sp = sine(table, half)
        self._write(values, self._half(7), cy * cp >> 14, sy * sp >> 14, cy * sp >> 14, sy * cp >> 14)
        self._clock.write_be(self.stream.time, 0)
        self.stream.publish()
        self.frames += 1

    @micropython.native
    def _write(self, values, half, cc, ss, cs, sc):
        cr = sine(self._table, half + _QUARTER)
        sr = sine(self._table, half)
        put_float(values, 0, (cr * cc + sr * ss) >> 14)
        put_float(values, 1, (sr * cc - cr * ss) >> 14)
        put_float(values, 2, (cr * cs + sr * sc) >> 14)
        put_float(values, 3, (cr * sc - sr * cs) >> 14)
