"""A HuskyLens 2 on the UART as coco17 (its pose recognition) or hand21 (its hand recognition): set it so on its screen.

The board asks for the newest result, and asks again when it has come. Frames: 55 AA, command, algorithm, length, data,
and the sum of all that (the numbers are those of DFRobot's own library). Of several people the first is taken.
"""

import time

import micropython
from micropython import const

from posewire_fw.fixed import ONE, put_float, put_missing
from posewire_fw.pose_stream import PoseStream

BAUD = const(115200)
COCO17 = const(6)
HAND21 = const(10)

HAND = const(8)
POSE = const(9)

_GET_RESULT = const(0x01)
_INFO = const(0x1B)
_BLOCK = const(0x1C)

_HEADER = const(5)
_CHUNKS = const(8)
_ANSWER_MS = const(300)
# Nobody there: no sooner again than this.
_PAUSE_MS = const(30)
_WIDTH = const(640)
_HEIGHT = const(480)
# Id, confidence, centre, size; then two texts, each after its length.
_TEXTS = const(10)


def request(algorithm):
    """The frame that asks for the results of an algorithm."""
    frame = bytearray((0x55, 0xAA, _GET_RESULT, algorithm, 0))
    return bytes(frame) + bytes([sum(frame) & 0xFF])


class HuskyLens2:
    """algorithm: POSE or HAND."""

    def __init__(self, uart, clock, algorithm=POSE):
        self._uart = uart
        self._clock = clock
        self._request = request(algorithm)
        self._points = 17 if algorithm == POSE else 21
        self._buf = bytearray(_HEADER + 255 + 1)
        self._chunk = bytearray(64)
        self._at = 0
        self._asked = time.ticks_add(time.ticks_ms(), -_ANSWER_MS)
        self._wait = _ANSWER_MS
        self._taken = False
        self._left = 0
        self.stream = PoseStream(COCO17 if algorithm == POSE else HAND21, self._points, 3)
        self.frames = 0
        self.bad_frames = 0
        self.skipped_bytes = 0

    def poll(self):
        """Take what the UART has, and ask again when it is time to."""
        for _ in range(_CHUNKS):
            if not self._uart.any():
                break
            count = self._uart.readinto(self._chunk)
            if not count:
                break
            self.feed(self._chunk, count)
        now = time.ticks_ms()
        if time.ticks_diff(now, self._asked) >= self._wait:
            self._asked = now
            self._wait = _ANSWER_MS
            self._taken = False
            self._uart.write(self._request)

    def feed(self, chunk, count):
        """Take bytes."""
        for i in range(count):
            self._take(chunk[i])

    def _take(self, byte):
        at = self._at
        if (at == 0 and byte != 0x55) or (at == 1 and byte != 0xAA):
            self.skipped_bytes += at + 1
            # 55 55 AA: the second one may be the beginning.
            self._at = 1 if byte == 0x55 else 0
            return
        self._buf[at] = byte
        self._at = at + 1
        if at >= _HEADER and at == _HEADER + self._buf[4]:
            self._at = 0
            self._frame(at)

    def _frame(self, end):
        """A whole frame: its sum is at end."""
        buf = self._buf
        total = 0
        for i in range(end):
            total += buf[i]
        if total & 0xFF != buf[end]:
            self.bad_frames += 1
        elif buf[2] == _INFO:
            self._left = buf[_HEADER + 2]
            if not self._left:
                self._wait = _PAUSE_MS
        elif buf[2] == _BLOCK:
            self._left -= 1
            if self._left <= 0:
                self._wait = 0
            if not self._taken:
                self._taken = True
                self._block(end)

    @micropython.native
    def _block(self, end):
        buf = self._buf
        at = _HEADER + _TEXTS
        for _ in range(2):
            if at >= end:
                return
            at += 1 + buf[at]
        if end - at < 4 * self._points:
            # A block without points: another algorithm is on.
            self.bad_frames += 1
            return
        confidence = buf[_HEADER + 1]
        values = self.stream.values
        for i in range(self._points):
            self._point(values, 3 * i, at + 4 * i, confidence)
        self._clock.write_be(self.stream.time, 0)
        self.stream.publish()
        self.frames += 1

    @micropython.native
    def _point(self, values, index, at, confidence):
        buf = self._buf
        x = buf[at] | buf[at + 1] << 8
        y = buf[at + 2] | buf[at + 3] << 8
        if (x == 0 and y == 0) or x > 32767 or y > 32767:
            put_missing(values, index)
            return
        put_float(values, index, x * ONE // _WIDTH)
        put_float(values, index + 1, y * ONE // _HEIGHT)
        # A pose's third channel is a score, of which there is one for all; a hand's is depth, which it does not tell.
        put_float(values, index + 2, confidence * ONE // 100 if self._points == 17 else 0)
