"""Masking of client frames (RFC 6455 section 5.3): the XOR, and the unpredictable keys that it needs.

os.urandom() makes an object at every call, so keys come from a ChaCha20 key stream (RFC 8439) that os.urandom() seeds
once a connection: as unpredictable, and without a byte of garbage.
"""

import os

import micropython

from posewire_fw.memcopy import memcopy

# a b c d of the four column rounds, then of the four diagonal rounds
_ORDER = (
    b"\x00\x04\x08\x0c\x01\x05\x09\x0d\x02\x06\x0a\x0e\x03\x07\x0b\x0f"
    b"\x00\x05\x0a\x0f\x01\x06\x0b\x0c\x02\x07\x08\x0d\x03\x04\x09\x0e"
)


@micropython.viper
def xor(data, at: int, count: int, keys, key: int):
    """XOR count bytes of data with the 4 bytes keys[key:key + 4], repeated. at and key are multiples of 4."""
    d32 = ptr32(data)
    k32 = ptr32(keys)
    word = k32[key >> 2]
    i = at >> 2
    end = (at + count) >> 2
    while i < end:
        d32[i] = d32[i] ^ word
        i += 1
    d8 = ptr8(data)
    k8 = ptr8(keys)
    i = end << 2
    end = at + count
    while i < end:
        d8[i] = d8[i] ^ k8[key + (i & 3)]
        i += 1


@micropython.viper
def chacha_block(state, out, order):
    """One ChaCha20 block: 64 bytes of key stream into out, and the block counter (word 12) goes up by one."""
    s = ptr32(state)
    x = ptr32(out)
    q = ptr8(order)
    i = 0
    while i < 16:
        x[i] = s[i]
        i += 1
    turn = 0
    while turn < 10:
        i = 0
        while i < 32:
            a = int(q[i])
            b = int(q[i + 1])
            c = int(q[i + 2])
            d = int(q[i + 3])
            # Every sum goes through a 32-bit store: on a 64-bit port a local would keep the carry.
            x[a] = x[a] + x[b]
            t = uint(x[d] ^ x[a])
            x[d] = int((t << 16) | (t >> 16))
            x[c] = x[c] + x[d]
            t = uint(x[b] ^ x[c])
            x[b] = int((t << 12) | (t >> 20))
            x[a] = x[a] + x[b]
            t = uint(x[d] ^ x[a])
            x[d] = int((t << 8) | (t >> 24))
            x[c] = x[c] + x[d]
            t = uint(x[b] ^ x[c])
            x[b] = int((t << 7) | (t >> 25))
            i += 4
        turn += 1
    i = 0
    while i < 16:
        x[i] = x[i] + s[i]
        i += 1
    s[12] = s[12] + 1


class MaskKeys:
    """An endless supply of 4-byte masking keys: keys.next() is the offset of a fresh one in keys.block."""

    def __init__(self):
        self.block = bytearray(64)
        self._state = bytearray(64)
        self._at = 64

    def reseed(self):
        """Start a new key stream from os.urandom()."""
        memcopy(self._state, 0, b"expand 32-byte k" + os.urandom(48), 0, 64)
        self._at = 64

    def next(self):
        if self._at == 64:
            chacha_block(self._state, self.block, _ORDER)
            self._at = 0
        at = self._at
        self._at = at + 4
        return at
