"""Bytes as residuals: the inverse of ``entropy_encoder`` (section 6).

The functions take the decoder's state and position and return them as they are after the value.
"""

from __future__ import annotations

from typing import Any

from posewire.wire.pose.core.entropy_encoder import ESCAPE, RICE_ESCAPE, TABLE_WIDTH, TABLES
from posewire.wire.pose.core.model import Integers

LOW = 1 << 22  # the state is in [2^22, 2^30): small integers on every implementation
INVALID = 1 << 16  # instead of a residual, where the bytes hold none


def refill(state: int, data: Any, at: int, end: int) -> tuple[int, int]:
    """Put bytes on the state until it is large enough or none is left."""
    while state < LOW and at < end:
        state = (state << 8) | data[at]
        at += 1
    return state, at


def read_symbol(
    context: int, cumulative: Integers, symbols: Any, data: Any, state: int, at: int, end: int
) -> tuple[int, int, int]:
    """Return a residual (``INVALID`` for a negative zero or one beyond 16 bits), the state and the position."""
    low_bits = 0
    table = context
    if context >= TABLES:
        low_bits = (context - 12) >> 1
        table = 12 + (context & 1)
    part = state & 4095
    high = symbols[(table << 12) + part]
    symbol = table * TABLE_WIDTH + high
    start = cumulative[symbol]
    state = (cumulative[symbol + 1] - start) * (state >> 12) + part - start
    while state < LOW and at < end:
        state = (state << 8) | data[at]
        at += 1
    if high == 0 and low_bits == 0:
        return 0, state, at
    size = high
    if high == ESCAPE:
        bits = state & 15
        state, at = refill(state >> 4, data, at, end)
        size = 30 + ((1 << bits) | (state & ((1 << bits) - 1)))
        state, at = refill(state >> bits, data, at, end)
    negative = state & 1
    size = (size << low_bits) | ((state >> 1) & ((1 << low_bits) - 1))
    state >>= low_bits + 1
    while state < LOW and at < end:
        state = (state << 8) | data[at]
        at += 1
    return signed(size, negative), state, at


def read_rice(context: int, data: Any, state: int, at: int, end: int) -> tuple[int, int, int]:
    """Return a residual of the last landmark (or ``INVALID``), the state and the position."""
    bits = 0 if context < 10 else (context - 9) >> 1
    zeros = 0
    while zeros < RICE_ESCAPE:
        one = state & 1
        state, at = refill(state >> 1, data, at, end)
        if one:
            break
        zeros += 1
    if zeros == RICE_ESCAPE:
        bits = 16
        zeros = 0
    size = (zeros << bits) | (state & ((1 << bits) - 1))
    state, at = refill(state >> bits, data, at, end)
    negative = 0
    if size:
        negative = state & 1
        state, at = refill(state >> 1, data, at, end)
    return signed(size, negative), state, at


def signed(size: int, negative: int) -> int:
    """Return the residual; ``INVALID`` for a negative zero and for more than 16 bits."""
    if size > 32768 or (negative and size == 0):
        return INVALID
    return -size if negative else size
