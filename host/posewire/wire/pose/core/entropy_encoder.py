"""Residuals as bytes: rANS with 14 tables, and Rice codes for the last landmark (section 6). Works backwards."""

from __future__ import annotations

from posewire.wire.pose.core.model import CONTEXT, RESIDUAL, Integers, Model

ESCAPE = 31
TABLES = 14
TABLE_WIDTH = 33  # cumulative frequencies of 32 symbols
RICE_ESCAPE = 12


def encode_entropy(model: Model, coded: int, out: Integers, end: int) -> int:
    """Code the first ``coded`` residuals in ``model.scratch`` so that they end before ``out[end]``.

    Returns where they start. The values of the last landmark go as Rice codes: while the state is small, a symbol
    would cost all of its 12 bits.
    """
    residuals, contexts, cumulative = model.scratch[RESIDUAL], model.scratch[CONTEXT], model.cumulative
    state = 1
    at = end
    tail = coded - model.channels
    number = coded - 1
    while number >= 0 and number >= tail:
        state, at = push_rice(residuals[number], contexts[number], state, out, at)
        number -= 1
    while number >= 0:
        residual = residuals[number]
        table = contexts[number]
        number -= 1
        low_bits = 0
        if table >= TABLES:
            low_bits = (table - 12) >> 1
            table = 12 + (table & 1)
        size = residual if residual >= 0 else -residual
        high = size >> low_bits
        if size != 0 or low_bits != 0:
            limit = (1 << 29) >> low_bits
            while state >= limit:
                at -= 1
                out[at] = state & 255
                state >>= 8
            low = size & ((1 << low_bits) - 1)
            state = (state << (low_bits + 1)) | (low << 1) | (1 if residual < 0 else 0)
        if high >= ESCAPE:
            state, at = push_escape(high, state, out, at)
            high = ESCAPE
        symbol = table * TABLE_WIDTH + high
        start = cumulative[symbol]
        frequency = cumulative[symbol + 1] - start
        limit = frequency << 18
        while state >= limit:
            at -= 1
            out[at] = state & 255
            state >>= 8
        whole = state // frequency
        state = (whole << 12) + (state - whole * frequency) + start
    while state:
        at -= 1
        out[at] = state & 255
        state >>= 8
    return at


def push(low: int, bits: int, state: int, out: Integers, at: int) -> tuple[int, int]:
    """Put ``bits`` raw bits on the state. Returns the state and the position of the last byte that went out."""
    limit = (1 << 30) >> bits
    while state >= limit:
        at -= 1
        out[at] = state & 255
        state >>= 8
    return (state << bits) | low, at


def push_escape(high: int, state: int, out: Integers, at: int) -> tuple[int, int]:
    """Put on the state how far a value is beyond the last symbol."""
    beyond = high - 30
    bits = 0
    rest = beyond >> 1
    while rest:
        bits += 1
        rest >>= 1
    state, at = push(beyond & ((1 << bits) - 1), bits, state, out, at)
    return push(bits, 4, state, out, at)


def push_rice(residual: int, context: int, state: int, out: Integers, at: int) -> tuple[int, int]:
    """Put a value on the state as a Rice code."""
    size = residual if residual >= 0 else -residual
    bits = 0 if context < 10 else (context - 9) >> 1
    zeros = size >> bits
    if size:
        state, at = push(1 if residual < 0 else 0, 1, state, out, at)
    if zeros >= RICE_ESCAPE:
        state, at = push(size & 65535, 16, state, out, at)
        zeros = RICE_ESCAPE
    else:
        state, at = push(size & ((1 << bits) - 1), bits, state, out, at)
        state, at = push(1, 1, state, out, at)
    for _ in range(zeros):
        state, at = push(0, 1, state, out, at)
    return state, at
