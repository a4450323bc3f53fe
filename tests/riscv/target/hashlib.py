"""MicroPython's hashlib with the SHA-1 (RFC 3174) that this port leaves out: a WebSocket's handshake takes it."""

import struct

from uhashlib import *

_MASK = 0xFFFFFFFF


class sha1:  # noqa: N801
    def __init__(self, data=b""):
        self._data = bytes(data)

    def update(self, data):
        self._data += data

    def digest(self):
        size = len(self._data)
        padded = self._data + b"\x80" + bytes((55 - size) % 64) + struct.pack(">Q", 8 * size)
        state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)
        for at in range(0, len(padded), 64):
            state = _block(state, struct.unpack_from(">16I", padded, at))
        return struct.pack(">5I", *state)


def _block(state, words):
    words = list(words)
    for t in range(16, 80):
        words.append(_rotate(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1))
    a, b, c, d, e = state
    for t in range(80):
        if t < 20:
            mixed = (b & c | (b ^ _MASK) & d) + 0x5A827999
        elif t < 40:
            mixed = (b ^ c ^ d) + 0x6ED9EBA1
        elif t < 60:
            mixed = (b & c | b & d | c & d) + 0x8F1BBCDC
        else:
            mixed = (b ^ c ^ d) + 0xCA62C1D6
        a, b, c, d, e = _rotate(a, 5) + mixed + e + words[t] & _MASK, a, _rotate(b, 30), c, d
    return [old + new & _MASK for old, new in zip(state, (a, b, c, d, e))]


def _rotate(value, count):
    return (value << count | value >> 32 - count) & _MASK
