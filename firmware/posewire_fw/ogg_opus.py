"""Writes Opus packets into a file that players open: the Ogg container (RFC 3533) with Opus in it (RFC 7845).

For programs of users, with opus_encoder: docs/opus.md. Nothing is allocated per packet.
"""

# Buffers are pointers to machine code.
# pyright: reportArgumentType=false, reportOptionalMemberAccess=false

import micropython
from micropython import const

from posewire_fw.memcopy import memcopy

# A page: a header, a byte for each packet (or more, for those of 255 bytes and up), and these.
_HEADER = const(27)
_SEGMENTS_MOST = const(64)
_DATA = const(91)
# Samples of 48 kHz by which what is decoded lags: they are left out in playing.
_PRE_SKIP = const(120)
_FIRST = const(2)
_LAST = const(4)


@micropython.viper
def checksum(page: ptr8, start: int, count: int):
    """The CRC of a page (polynomial 0x04C11DB7, not reflected) to its place in the header, which holds zeros."""
    r = uint(0)
    i = start
    while i < start + count:
        r = r ^ (uint(page[i]) << 24)
        k = 8
        while k:
            top = int(r >> 31) & 1
            r = r << 1
            if top:
                r = r ^ uint(0x04C11DB7)
            k -= 1
        i += 1
    i = start + 22
    k = 4
    while k:
        page[i] = int(r) & 255
        r = r >> 8
        i += 1
        k -= 1


class OggOpus:
    """file: open for writing bytes. A second of sound at most is held back; page_bytes: what it takes.

    ``with OggOpus(open("/sd/memo.opus", "wb")) as ogg``; the file is closed at the end.
    """

    def __init__(self, file, page_bytes=4096):
        self._file = file
        self._page = bytearray(_DATA + page_bytes)
        self._segments = bytearray(_SEGMENTS_MOST)
        self._count = 0
        self._length = 0
        self._pages = 0
        self._samples = _PRE_SKIP
        self._begun = 0
        head = b"OpusHead\x01\x01" + _PRE_SKIP.to_bytes(2, "little") + (16000).to_bytes(4, "little") + b"\0\0\0"
        self._take(head, 0, len(head))
        self._write_page(_FIRST, 0)
        vendor = b"posewire"
        tags = b"OpusTags" + len(vendor).to_bytes(4, "little") + vendor + bytes(4)
        self._take(tags, 0, len(tags))
        self._write_page(0, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def write(self, packet, start, count, milliseconds):
        """Add a packet: count bytes from an offset on, so long. Raises ValueError for one that no page has room for."""
        if count > len(self._page) - _DATA or count > 255 * (_SEGMENTS_MOST - 1):
            raise ValueError("a packet of %d bytes" % count)
        if self._length + count > len(self._page) - _DATA or self._count + count // 255 + 1 > _SEGMENTS_MOST:
            self._write_page(0, self._samples)
        elif self._samples - self._begun >= 48000:
            self._write_page(0, self._samples)
        self._take(packet, start, count)
        self._samples += 48 * milliseconds

    def close(self):
        """Write what is left, and close the file."""
        if self._file is not None:
            self._write_page(_LAST, self._samples)
            self._file.close()
            self._file = None

    def _take(self, packet, start, count):
        memcopy(self._page, _DATA + self._length, packet, start, count)
        self._length += count
        while count >= 255:
            self._segments[self._count] = 255
            self._count += 1
            count -= 255
        self._segments[self._count] = count
        self._count += 1

    def _write_page(self, kind, samples):
        page = self._page
        start = _DATA - _HEADER - self._count
        for i in range(_HEADER):
            page[start + i] = 0
        memcopy(page, start, b"OggS", 0, 4)
        page[start + 5] = kind
        self._put(start + 6, samples)
        page[start + 14] = 1  # the stream's number
        self._put(start + 18, self._pages)
        page[start + 26] = self._count
        memcopy(page, start + _HEADER, self._segments, 0, self._count)
        count = _HEADER + self._count + self._length
        checksum(page, start, count)
        self._file.write(memoryview(page)[start : start + count])
        self._pages += 1
        self._count = 0
        self._length = 0
        self._begun = samples

    def _put(self, at, value):
        while value:
            self._page[at] = value & 255
            value >>= 8
            at += 1
