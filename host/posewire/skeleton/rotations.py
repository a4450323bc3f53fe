"""Vectors and unit quaternions as plain tuples: a skeleton has few of them, and numpy would cost more than the sums."""

import math

Vector = tuple[float, float, float]
Rotation = tuple[float, float, float, float]
"""A unit quaternion: w, x, y, z."""

IDENTITY: Rotation = (1.0, 0.0, 0.0, 0.0)
_TINY = 1e-9


def subtract(a: Vector, b: Vector) -> Vector:
    """Return a - b."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def add(a: Vector, b: Vector) -> Vector:
    """Return a + b."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def scale(a: Vector, factor: float) -> Vector:
    """Return a, longer by a factor."""
    return a[0] * factor, a[1] * factor, a[2] * factor


def middle(a: Vector, b: Vector) -> Vector:
    """Return the point in the middle."""
    return scale(add(a, b), 0.5)


def dot(a: Vector, b: Vector) -> float:
    """Return the scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """Return the vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def length(a: Vector) -> float:
    """Return the length."""
    return math.sqrt(dot(a, a))


def unit(a: Vector) -> Vector | None:
    """Return the direction; None of a vector without one."""
    size = length(a)
    return scale(a, 1 / size) if size > _TINY else None


def multiply(a: Rotation, b: Rotation) -> Rotation:
    """Return the rotation b followed by a."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def inverse(a: Rotation) -> Rotation:
    """Return the rotation back."""
    return a[0], -a[1], -a[2], -a[3]


def rotate(a: Rotation, vector: Vector) -> Vector:
    """Return the vector, rotated."""
    w, axis = a[0], a[1:]
    twice = scale(cross(axis, vector), 2.0)
    return add(add(vector, scale(twice, w)), cross(axis, twice))


def normalized(a: Rotation) -> Rotation:
    """Return the rotation with length 1; no rotation of one without a length."""
    size = math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2] + a[3] * a[3])
    if not size > _TINY:
        return IDENTITY
    return a[0] / size, a[1] / size, a[2] / size, a[3] / size


def about(axis: Vector, degrees: float) -> Rotation:
    """Return the rotation about an axis (a unit vector)."""
    half = math.radians(degrees) / 2
    sine = math.sin(half)
    return math.cos(half), axis[0] * sine, axis[1] * sine, axis[2] * sine


def between(a: Vector, b: Vector) -> Rotation:
    """Return the shortest rotation from one direction (a unit vector) to another."""
    cosine = dot(a, b)
    if cosine < -1 + 1e-7:
        # Half a turn: about anything that stands upright on a.
        side = cross(a, (1.0, 0.0, 0.0)) if abs(a[0]) < 0.9 else cross(a, (0.0, 1.0, 0.0))
        axis = unit(side) or (0.0, 0.0, 1.0)
        return 0.0, *axis
    return normalized((1 + cosine, *cross(a, b)))


def blend(a: Rotation, b: Rotation, share: float) -> Rotation:
    """Return what lies between two rotations; ``share`` 0 is a, 1 is b."""
    sign = -1.0 if a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] < 0 else 1.0
    rest, share = 1 - share, sign * share
    return normalized(
        (
            rest * a[0] + share * b[0],
            rest * a[1] + share * b[1],
            rest * a[2] + share * b[2],
            rest * a[3] + share * b[3],
        )
    )


def from_axes(x: Vector, y: Vector, z: Vector) -> Rotation:
    """Return the rotation that turns the three axes of space into these (unit vectors, each upright on the others)."""
    trace = x[0] + y[1] + z[2]
    if trace > 0:
        root = 2 * math.sqrt(trace + 1)
        return normalized((root / 4, (y[2] - z[1]) / root, (z[0] - x[2]) / root, (x[1] - y[0]) / root))
    if x[0] > y[1] and x[0] > z[2]:
        root = 2 * math.sqrt(max(1 + x[0] - y[1] - z[2], _TINY))
        return normalized(((y[2] - z[1]) / root, root / 4, (y[0] + x[1]) / root, (z[0] + x[2]) / root))
    if y[1] > z[2]:
        root = 2 * math.sqrt(max(1 + y[1] - x[0] - z[2], _TINY))
        return normalized(((z[0] - x[2]) / root, (y[0] + x[1]) / root, root / 4, (z[1] + y[2]) / root))
    root = 2 * math.sqrt(max(1 + z[2] - x[0] - y[1], _TINY))
    return normalized(((x[1] - y[0]) / root, (z[0] + x[2]) / root, (z[1] + y[2]) / root, root / 4))


def frame(main: Vector, other: Vector) -> tuple[Vector, Vector, Vector] | None:
    """Return ``main`` as a unit vector, what of ``other`` stands upright on it, and their vector product.

    None where the two have no such directions.
    """
    first = unit(main)
    if first is None:
        return None
    second = unit(subtract(other, scale(first, dot(first, other))))
    return (first, second, cross(first, second)) if second is not None else None


def aligned(rest_main: Vector, rest_other: Vector, main: Vector, other: Vector) -> Rotation | None:
    """Return the rotation from two directions to two others: ``main`` exactly, ``other`` as far as that allows."""
    before, now = frame(rest_main, rest_other), frame(main, other)
    if before is None or now is None:
        return None
    return multiply(from_axes(*now), inverse(from_axes(*before)))
