"""A Grove Vision AI V2 with a pose model on the UART, as coco17.

It speaks the AT protocol of Seeed's SSCMA firmware: told to invoke its model without end, it sends a line of JSON for
each picture. Only the numbers of "keypoints" are looked at, byte by byte as they come: a parser for all of it would
fill the heap thirty times a second. Of several people the first is taken.
"""

import time
from array import array

import micropython
from micropython import const

from posewire_fw.fixed import ONE, put_float, put_missing
from posewire_fw.pose_stream import PoseStream

BAUD = const(921600)
COCO17 = const(6)

_INVOKE = b"AT+INVOKE=-1,0,1\r\n"
_KEY = b'"keypoints":'
_SILENCE_MS = const(3000)
_POINTS = const(17)
_CHUNKS = const(8)

# Of the state: letters of the key that have matched; depth of brackets (0: looking for the key); people, points of this
# one and numbers of this point so far; the number under way, whether there is one, its sign, whether past its point.
_MATCHED, _DEPTH, _PERSON, _POINT, _INDEX, _NUMBER, _UNDER_WAY, _SIGN, _FRACTION = range(9)


@micropython.viper
def scan(chunk, start: int, end: int, state, numbers, key) -> int:
    """Read from a chunk until a list of keypoints is complete: its end, or -1 when the chunk is used up.

    state: array("i", 9 zeros) at first. numbers: array("i"), three for each point (x, y, score).
    """
    data = ptr8(chunk)
    s = ptr32(state)
    out = ptr32(numbers)
    k = ptr8(key)
    i = start
    while i < end:
        c = int(data[i])
        i += 1
        depth = int(s[1])
        if depth == 0:
            matched = int(s[0])
            if matched == 12:
                # The key, then the list; or something else, and the key was none.
                if c == 91:
                    j = 1
                    while j < 9:
                        s[j] = 0
                        j += 1
                    s[1] = 1
                    j = 0
                    while j < 51:
                        out[j] = 0
                        j += 1
                    s[0] = 0
                elif c != 32:
                    s[0] = 0
            elif c == int(k[matched]):
                s[0] = matched + 1
            elif c == 34:
                s[0] = 1
            else:
                s[0] = 0
            continue
        if c >= 48 and c <= 57:
            s[6] = 1
            if int(s[8]) == 0 and int(s[5]) < 100000:
                s[5] = int(s[5]) * 10 + c - 48
            continue
        if c == 45:
            s[7] = 1
            continue
        if c == 46:
            s[8] = 1
            continue
        if c == 10 or c == 123:
            # The line ended, or another began: what was under way is lost.
            s[1] = 0
            s[0] = 0
            continue
        if int(s[6]):
            if depth == 4 and int(s[2]) == 0 and int(s[3]) < 17 and int(s[4]) < 3:
                value = int(s[5])
                if int(s[7]):
                    value = 0 - value
                out[int(s[3]) * 3 + int(s[4])] = value
            s[4] = int(s[4]) + 1
        s[5] = 0
        s[6] = 0
        s[7] = 0
        s[8] = 0
        if c == 91:
            s[1] = depth + 1
            s[4] = 0
        elif c == 93:
            s[1] = depth - 1
            if depth == 4:
                s[3] = int(s[3]) + 1
            elif depth == 2:
                s[2] = int(s[2]) + 1
            elif depth == 1:
                return i
    return -1


class GroveAi:
    """width, height: of the pictures that its coordinates are about."""

    def __init__(self, uart, clock, width, height):
        self._uart = uart
        self._clock = clock
        self._width = width
        self._height = height
        self._chunk = bytearray(128)
        self._state = array("i", [0] * 9)
        self._numbers = array("i", [0] * (3 * _POINTS))
        self._heard = time.ticks_add(time.ticks_ms(), -_SILENCE_MS)
        self.stream = PoseStream(COCO17, _POINTS, 3)
        self.frames = 0
        self.bad_frames = 0
        self.skipped_bytes = 0

    def poll(self):
        """Take what the UART has; a module that is silent is told to begin."""
        now = time.ticks_ms()
        for _ in range(_CHUNKS):
            if not self._uart.any():
                break
            count = self._uart.readinto(self._chunk)
            if not count:
                break
            self._heard = now
            self.feed(self._chunk, count)
        if time.ticks_diff(now, self._heard) >= _SILENCE_MS:
            self._heard = now
            self._uart.write(_INVOKE)

    def feed(self, chunk, count):
        """Take bytes."""
        at = 0
        while at < count:
            at = scan(chunk, at, count, self._state, self._numbers, _KEY)
            if at < 0:
                return
            self._publish()

    @micropython.native
    def _publish(self):
        # 17 points of one person at least; an empty list says that nobody is there, which is no pose.
        state = self._state
        if not state[_PERSON]:
            return
        numbers = self._numbers
        values = self.stream.values
        for i in range(_POINTS):
            x = numbers[3 * i]
            y = numbers[3 * i + 1]
            if x == 0 and y == 0:
                put_missing(values, 3 * i)
                continue
            put_float(values, 3 * i, x * ONE // self._width)
            put_float(values, 3 * i + 1, y * ONE // self._height)
            # Modules that tell no score for each point leave it 0.
            put_float(values, 3 * i + 2, (numbers[3 * i + 2] or 100) * ONE // 100)
        self._clock.write_be(self.stream.time, 0)
        self.stream.publish()
        self.frames += 1
