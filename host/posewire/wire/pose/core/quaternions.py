"""Quaternions as the three components that travel, and back (section 7)."""

from __future__ import annotations

from typing import NamedTuple

from posewire.wire.pose.core.model import DELTA, INTRA, SKIP, Integers

NEGATIVE = 4  # in ``Components.dropped``: the dropped component is negative


class Components(NamedTuple):
    """The three components of each quaternion that are coded, without the dropped one.

    ``x``: of this frame; ``reference`` and ``previous``: of the reference frame and the one before it. ``dropped``: the
    index of the dropped component (0 … 3), plus 4 where that one is negative.
    """

    x: Integers
    reference: Integers
    previous: Integers
    dropped: Integers


def largest_component(quaternions: Integers, first: int) -> int:
    """Return the index (0 … 3) of the component with the largest magnitude, the first of equals."""
    best = 0
    most = -1
    for component in range(4):
        size = abs(quaternions[first + component])
        if size > most:
            most = size
            best = component
    return best


def dot(a: Integers, b: Integers, first: int) -> int:
    """Return the scalar product of two quaternions."""
    return int(
        a[first] * b[first] + a[first + 1] * b[first + 1] + a[first + 2] * b[first + 2] + a[first + 3] * b[first + 3]
    )


def split_quaternions(
    unit: int, action: Integers, quaternions: Integers, reference: Integers, previous: Integers, parts: Components
) -> int:
    """Fill ``parts`` (all of it) from quaternions of three frames on the grid ``unit``.

    Turns ``DELTA`` into ``INTRA`` where the dropped component has become too small to follow from the others. Returns
    how many times.
    """
    jumps = 0
    for landmark in range(len(action)):
        if action[landmark] == SKIP:
            continue
        first = 4 * landmark
        sign = 1
        if action[landmark] == DELTA:
            dropped = largest_component(reference, first)
            if dot(quaternions, reference, first) < 0:
                sign = -1
            largest = sign * quaternions[first + dropped]
            if (largest if reference[first + dropped] >= 0 else -largest) * 20 < unit * 9:
                action[landmark] = INTRA
                jumps += 1
        if action[landmark] == INTRA:
            dropped = largest_component(quaternions, first)
            sign = -1 if quaternions[first + dropped] < 0 else 1
            parts.dropped[landmark] = dropped
        split_reference(action, landmark, reference, previous, parts)
        dropped = parts.dropped[landmark] & 3
        out = 3 * landmark
        for component in range(4):
            if component != dropped:
                parts.x[out] = sign * quaternions[first + component]
                out += 1
    return jumps


def split_references(action: Integers, reference: Integers, previous: Integers, parts: Components) -> None:
    """Fill ``parts`` for a decoder: all but ``x``; what is dropped of intra landmarks is in it already."""
    for landmark in range(len(action)):
        if action[landmark] != SKIP:
            split_reference(action, landmark, reference, previous, parts)


def split_reference(
    action: Integers, landmark: int, reference: Integers, previous: Integers, parts: Components
) -> None:
    """Fill ``parts`` for one landmark: its components in the reference frame and the frame before."""
    first = 4 * landmark
    if action[landmark] == DELTA:
        largest = largest_component(reference, first)
        parts.dropped[landmark] = largest + (NEGATIVE if reference[first + largest] < 0 else 0)
    dropped = parts.dropped[landmark] & 3
    sign = -1 if dot(previous, reference, first) < 0 else 1
    out = 3 * landmark
    for component in range(4):
        if component != dropped:
            parts.reference[out] = reference[first + component]
            parts.previous[out] = sign * previous[first + component]
            out += 1


def join_quaternions(unit: int, action: Integers, parts: Components, reference: Integers, out: Integers) -> None:
    """Write whole quaternions: the fourth component follows from three; a missing landmark keeps the reference's."""
    for landmark in range(len(action)):
        first = 4 * landmark
        if action[landmark] == SKIP:
            for index in range(first, first + 4):
                out[index] = reference[index]
            continue
        rest = unit * unit
        for index in range(3 * landmark, 3 * landmark + 3):
            value = parts.x[index]
            value = -unit if value < -unit else (unit if value > unit else value)
            parts.x[index] = value
            rest -= value * value
        fourth = square_root(rest)
        dropped = parts.dropped[landmark] & 3
        index = 3 * landmark
        for component in range(4):
            if component == dropped:
                out[first + component] = -fourth if parts.dropped[landmark] & NEGATIVE else fourth
            else:
                out[first + component] = parts.x[index]
                index += 1


def square_root(square: int) -> int:
    """Return the square root (of less than 2^30), rounded to the nearest integer; 0 for a negative number."""
    if square <= 0:
        return 0
    root = 0
    bit = 1 << 28
    rest = square
    while bit > rest:
        bit >>= 2
    while bit:
        if rest >= root + bit:
            rest -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return root + 1 if rest > root else root
