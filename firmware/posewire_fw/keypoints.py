"""Keypoints from a camera co-processor by UART (docs/keypoint-uart.md): found, checked, published."""

import micropython
from micropython import const

from posewire_fw import log
from posewire_fw.crc16 import crc16
from posewire_fw.memcopy import memcopy
from posewire_fw.pose_sets import NAMED
from posewire_fw.pose_stream import PoseStream, is_shape

# sync 2, set 1, channels 1, landmarks 2, time 4
_HEADER = const(10)
_CRC = const(2)
# Frames begin at 2 so that their float32 values, 10 bytes on, lie on word boundaries: they are copied by words.
_BASE = const(2)
_CHUNK = const(256)
_CHUNKS_A_POLL = const(16)
_STREAMS_MAX = const(4)
# Room for body33 at first: most cameras send no more.
_VALUES_FIRST = const(132)


@micropython.viper
def find_sync(data, start: int, end: int) -> int:
    """The offset of the first 0xA5 0x5A, or of an 0xA5 at the very end (0x5A may follow); end when there is none."""
    d = ptr8(data)
    while start < end:
        if int(d[start]) == 0xA5:
            if start + 1 == end or int(d[start + 1]) == 0x5A:
                return start
        start += 1
    return end


def _room(size):
    """Bytes for a frame of that size and what is read before it is dealt with."""
    return _BASE + size + _CHUNK


class KeypointReader:
    """Reads frames from a UART.

    add_stream(stream) is called once for each landmark set that appears, reserve(bytes) before that and whenever one
    changes its shape: it makes room for packets of that size. Both may raise MemoryError. A set that there is no memory
    for is ignored, and leave_out(part, why) is told. first: the landmark set for which memory is taken at once.
    """

    def __init__(self, uart, add_stream, reserve, leave_out=None, first=None):
        self._uart = uart
        self._add_stream = add_stream
        self._reserve = reserve
        self._chunk = bytearray(_CHUNK)
        self._buf = bytearray(_room(_HEADER + 4 * _VALUES_FIRST + _CRC))
        self._end = _BASE
        self.streams = {}
        self._refused = {}
        self._leave_out = leave_out
        self._prepared = None
        if first is not None:
            # In the middle of a stream the network may have taken what was free.
            self._prepared = PoseStream(first, NAMED[first][0], len(NAMED[first][1]))
            reserve(self._prepared.room)
        self.frames = 0
        self.bad_frames = 0
        self.skipped_bytes = 0

    def poll(self):
        """Take what the UART has."""
        for _ in range(_CHUNKS_A_POLL):
            if not self._uart.any():
                return
            count = self._uart.readinto(self._chunk)
            if not count:
                return
            self.feed(self._chunk, count)

    def feed(self, chunk, count):
        """Take bytes: at most 256 at once."""
        memcopy(self._buf, self._end, chunk, 0, count)
        self._end += count
        while self._next_frame():
            pass

    def _next_frame(self):
        """Deal with what is at the beginning of the buffer; False when more bytes are needed."""
        start = find_sync(self._buf, _BASE, self._end)
        if start > _BASE:
            self.skipped_bytes += start - _BASE
            self._discard(start - _BASE)
        have = self._end - _BASE
        if have < _HEADER:
            return False
        size = self._frame_size()
        if size and have < size:
            if _room(size) <= len(self._buf) or self._grow(size):
                return False
        elif size and self._check_crc(size):
            self._take()
            self._discard(size)
            return True
        # Not a frame, a damaged one, or one too large for us: what follows its sync bytes may hold a good one.
        self.bad_frames += 1
        self._discard(2)
        return True

    def _frame_size(self):
        """The length that the header announces; 0 when it cannot be a header."""
        buf = self._buf
        channels = buf[_BASE + 3]
        landmarks = buf[_BASE + 4] | buf[_BASE + 5] << 8
        if not is_shape(buf[_BASE + 2], landmarks, channels):
            return 0
        return _HEADER + 4 * landmarks * channels + _CRC

    def _grow(self, size):
        """Make room for a frame of that size; False where there is no memory for it."""
        try:
            buf = bytearray(_room(size))
        except MemoryError:
            self._refuse()
            return False
        memcopy(buf, 0, self._buf, 0, self._end)
        self._buf = buf
        return True

    def _check_crc(self, size):
        buf = self._buf
        end = _BASE + size - _CRC
        return crc16(buf, _BASE + 2, end, 0xFFFF) == (buf[end] | buf[end + 1] << 8)

    def _discard(self, count):
        memcopy(self._buf, _BASE, self._buf, _BASE + count, self._end - _BASE - count)
        self._end -= count

    def _take(self):
        buf = self._buf
        stream = self._stream()
        if stream is None:
            return
        self.frames += 1
        memcopy(stream.values, 0, buf, _BASE + _HEADER, len(stream.values))
        for i in range(4):
            stream.time[i] = buf[_BASE + 9 - i]
        stream.publish()

    def _stream(self):
        """The stream that takes the frame at hand; None where there is none and cannot be one."""
        buf = self._buf
        stream = self.streams.get(buf[_BASE + 2])
        if stream is not None and stream.channels == buf[_BASE + 3]:
            if stream.landmarks == buf[_BASE + 4] | buf[_BASE + 5] << 8:
                return stream
        if self._refused.get(buf[_BASE + 2]) == self._shape():
            return None
        return self._new_stream(stream)

    def _new_stream(self, stream):
        """A stream for a set seen for the first time, or in another shape than before."""
        set_id, channels, landmarks = self._header()
        new = stream is None
        if new and len(self.streams) >= _STREAMS_MAX:
            return None
        try:
            if new:
                stream = self._make_stream(set_id, landmarks, channels)
            else:
                stream.reshape(landmarks, channels)
            self._reserve(stream.room)
            if new:
                self._add_stream(stream)
        except MemoryError:
            if not new:
                stream.close()  # pyright: ignore[reportOptionalMemberAccess]
            self._refuse()
            return None
        log.info("keypoints", "set %d: %d landmarks of %d", set_id, landmarks, channels)
        if new:
            self.streams[set_id] = stream
        return stream

    def _make_stream(self, set_id, landmarks, channels):
        stream, self._prepared = self._prepared, None
        if stream is not None and stream.set_id == set_id:
            return stream
        del stream
        return PoseStream(set_id, landmarks, channels)

    def _refuse(self):
        set_id, channels, landmarks = self._header()
        if self._refused.get(set_id) != self._shape():
            self._refused[set_id] = self._shape()
            why = "no memory for its %d landmarks of %d" % (landmarks, channels)
            if self._leave_out is not None:
                self._leave_out("set %d" % set_id, why)
            else:
                log.error("keypoints", "set %d is ignored: %s", set_id, why)

    def _header(self):
        buf = self._buf
        return buf[_BASE + 2], buf[_BASE + 3], buf[_BASE + 4] | buf[_BASE + 5] << 8

    def _shape(self):
        """Landmarks and channels of the frame at hand as one number."""
        buf = self._buf
        return buf[_BASE + 3] << 16 | buf[_BASE + 5] << 8 | buf[_BASE + 4]
