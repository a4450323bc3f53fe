"""The core's data: the model of a landmark set, and one frame of it."""

from __future__ import annotations

from typing import Any, NamedTuple

Integers = Any
"""A list of integers, or an int64 array where the core is compiled."""

SKIP, DELTA, INTRA = 0, 1, 2
"""How a landmark is coded: not at all (it is missing), against the reference frame, or without it."""

MAX_SCALE = 32767

# Rows of ``Model.start``: the values before the first frame (in the specification M, K, S and W).
TEMPLATE, INTRA_SCALE, SCALE, WEIGHT = 0, 1, 2, 3

# Rows of ``Model.scratch``, one integer a value; residuals and contexts are in coding order.
BASE, DELTA_INNOVATION, INTRA_INNOVATION, RESIDUAL, CONTEXT = 0, 1, 2, 3, 4
SCRATCH_ROWS = 5

# Rows of ``Model.activity``, one integer a channel.
DELTA_SEEN, DELTA_EXPECTED, DELTA_RATIO, INTRA_SEEN, INTRA_EXPECTED, INTRA_RATIO = 0, 1, 2, 3, 4, 5
ACTIVITY_ROWS, ACTIVITY_WIDTH = 6, 9
MODE_SUMS = DELTA_SEEN  # three sums for each of three channels, before the row has its own use

ORDER_WIDTH = 5


class Model(NamedTuple):
    """A landmark set of ``landmarks`` landmarks with ``channels`` coded channels, and scratch memory to code it.

    A value's index is ``landmark * channels + channel``. ``order`` holds for each landmark, in coding order, five
    integers: its first value's index, the number of landmarks that predict it, and their first values' indices (three
    places). ``start``: four rows of values. ``all_delta``: ``DELTA`` for each landmark. ``bucket``: the context of each
    expected size; ``cumulative`` and ``symbols``: the symbol tables in both directions.
    """

    landmarks: int
    channels: int
    order: Integers
    start: Any
    all_delta: Integers
    bucket: Any
    cumulative: Integers
    symbols: Any
    scratch: Any
    activity: Any


class Frame(NamedTuple):
    """One frame of a set, and what its reference frame holds.

    ``action``: for each landmark ``SKIP``, ``DELTA`` or ``INTRA``; ``any_intra``: one of them is ``INTRA``. ``valid``:
    the landmarks that the reference frame holds. ``x``: the integers, read by an encoder and written by a decoder.
    ``base``: what the reference frame predicts for them. ``scale`` and ``weight``: the adaptive state in the reference
    frame; ``new_scale`` and ``new_weight``: after this one (written).
    """

    action: Integers
    any_intra: bool
    valid: Integers
    x: Integers
    base: Integers
    scale: Integers
    weight: Integers
    new_scale: Integers
    new_weight: Integers
