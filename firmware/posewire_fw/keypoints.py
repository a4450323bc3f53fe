"""Keypoints from a camera co-processor by UART (docs/keypoint-uart.md): found, checked, quantised, published."""

import micropython
from micropython import const

from posewire_fw import log
from posewire_fw.copy import copy
from posewire_fw.pose import CUSTOM, CUSTOM_BITS, SETS, VALUES_MAX, PoseStream, crc16, quantise

# sync 2, set 1, channels 1, landmarks 2, time 4
_HEADER = const(10)
_CRC = const(2)
# Frames begin at 2 so that their float32 values, 10 bytes on, lie on word boundaries.
_BASE = const(2)
_CHUNK = const(256)
_CHUNKS_A_POLL = const(16)
_STREAMS_MAX = const(4)
_CHANNELS_MAX = const(8)
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


def _room(values):
    """Bytes for a frame of so many values and what is read before it is dealt with."""
    return _BASE + _HEADER + 4 * values + _CRC + _CHUNK


class KeypointReader:
    """Reads frames from a UART. add_stream(stream) is called once for each landmark set that appears."""

    def __init__(self, uart, add_stream):
        self._uart = uart
        self._add_stream = add_stream
        self._chunk = bytearray(_CHUNK)
        self._buf = bytearray(_room(_VALUES_FIRST))
        self._end = _BASE
        self.streams = {}
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
        copy(self._buf, self._end, chunk, 0, count)
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
            if size + _BASE + _CHUNK > len(self._buf):
                self._grow()
            return False
        if size and self._check_crc(size):
            self._take()
            self._discard(size)
        else:
            # Not a frame, or a damaged one: what follows its sync bytes may hold a good one.
            self.bad_frames += 1
            self._discard(2)
        return True

    def _frame_size(self):
        """The length that the header announces; 0 when it cannot be a header."""
        buf = self._buf
        channels = buf[_BASE + 3]
        landmarks = buf[_BASE + 4] | buf[_BASE + 5] << 8
        known = SETS.get(buf[_BASE + 2])
        if known is not None:
            if landmarks != known[0] or channels != known[1]:
                return 0
        elif buf[_BASE + 2] != CUSTOM or not 0 < channels <= _CHANNELS_MAX:
            return 0
        if not landmarks or landmarks * channels > VALUES_MAX:
            return 0
        return _HEADER + 4 * landmarks * channels + _CRC

    def _grow(self):
        buf = bytearray(_room(VALUES_MAX))
        copy(buf, 0, self._buf, 0, self._end)
        self._buf = buf

    def _check_crc(self, size):
        buf = self._buf
        end = _BASE + size - _CRC
        return crc16(buf, _BASE + 2, end, 0xFFFF) == (buf[end] | buf[end + 1] << 8)

    def _discard(self, count):
        copy(self._buf, _BASE, self._buf, _BASE + count, self._end - _BASE - count)
        self._end -= count

    def _take(self):
        buf = self._buf
        stream = self.streams.get(buf[_BASE + 2])
        if stream is None:
            stream = self._new_stream(buf[_BASE + 2])
            if stream is None:
                return
        if stream.set_id == CUSTOM:
            self._fit_custom(stream)
        self.frames += 1
        quantise(buf, _BASE + _HEADER, stream.values, stream.landmarks, stream.channels, stream.bits)
        for i in range(4):
            stream.time[i] = buf[_BASE + 9 - i]
        stream.publish()

    def _new_stream(self, set_id):
        if len(self.streams) >= _STREAMS_MAX:
            return None
        if set_id == CUSTOM:
            landmarks, channels = self._shape()
            stream = PoseStream(set_id, landmarks, channels, bytes([CUSTOM_BITS] * channels))
        else:
            stream = PoseStream(set_id, *SETS[set_id])
        log.info("keypoints", "set %d: %d landmarks of %d", set_id, stream.landmarks, stream.channels)
        self.streams[set_id] = stream
        self._add_stream(stream)
        return stream

    def _shape(self):
        buf = self._buf
        return buf[_BASE + 4] | buf[_BASE + 5] << 8, buf[_BASE + 3]

    def _fit_custom(self, stream):
        buf = self._buf
        landmarks = buf[_BASE + 4] | buf[_BASE + 5] << 8
        if stream.landmarks != landmarks or stream.channels != buf[_BASE + 3]:
            landmarks, channels = self._shape()
            stream.reshape(landmarks, channels, bytes([CUSTOM_BITS] * channels))
