"""From the counts of a six-axis motion sensor (``imu6``) to how it is turned, and how it is moved."""

import math
from collections import deque
from collections.abc import Sequence

from posewire.skeleton.rotations import (
    IDENTITY,
    Rotation,
    Vector,
    between,
    cross,
    inverse,
    length,
    multiply,
    normalized,
    rotate,
    scale,
    subtract,
    unit,
)

COUNTS_PER_G = 4096.0
COUNTS_PER_DEGREE = 16.384
GRAVITY = 9.80665

_UP: Vector = (0.0, 0.0, 1.0)
_PULL = 0.5
"""How fast the accelerometer pulls the rotation upright: so many radians a second for each radian that it is off."""

_FREE_FALL, _BLOW = 0.6, 1.5
"""In g: what is outside is motion, and says little of where down is."""

_REST_S = 1.5
_REST_SPREAD, _REST_MOST = 1.0, 8.0
"""Degrees a second: a gyroscope that changes less and shows less than this for ``_REST_S`` lies still."""

_CHECKED_EVERY = 0.25
_LONGEST_STEP = 0.25


class Orientation:
    """Follows one sensor. Its rotation is from the sensor's axes to an earth whose z is up; north is not known.

    The gyroscope tells the way, the accelerometer what is up, and while the sensor lies still, what the gyroscope
    shows is its error. About the vertical there is no other witness: the heading drifts.
    """

    def __init__(self) -> None:
        self.rotation: Rotation = IDENTITY
        self.acceleration: Vector = (0.0, 0.0, 0.0)
        """The acceleration of the sensor, without gravity, in its own axes, in m/s²."""

        self._bias: Vector = (0.0, 0.0, 0.0)
        self._recent: deque[tuple[float, Vector]] = deque()
        self._before: float | None = None
        self._checked = 0.0

    def update(self, counts: Sequence[Sequence[float]], time_s: float) -> None:
        """Take a sample: accelerometer and gyroscope, in counts, at a time that does not run backwards."""
        force: Vector = (counts[0][0] / COUNTS_PER_G, counts[0][1] / COUNTS_PER_G, counts[0][2] / COUNTS_PER_G)
        shown: Vector = (
            counts[1][0] / COUNTS_PER_DEGREE,
            counts[1][1] / COUNTS_PER_DEGREE,
            counts[1][2] / COUNTS_PER_DEGREE,
        )
        up = unit(force)
        if self._before is None or not 0 <= time_s - self._before <= _LONGEST_STEP:
            # The first sample, or one after a gap: what is up is known at once, the way there is not.
            if up is not None:
                self.rotation = multiply(between(rotate(self.rotation, up), _UP), self.rotation)
            self._recent.clear()
            self._before = self._checked = time_s
        else:
            step, self._before = time_s - self._before, time_s
            self._rest(shown, time_s)
            turn = scale(subtract(shown, self._bias), math.radians(1.0))
            if up is not None and _FREE_FALL < length(force) < _BLOW:
                off = cross(up, rotate(inverse(self.rotation), _UP))
                turn = (turn[0] + _PULL * off[0], turn[1] + _PULL * off[1], turn[2] + _PULL * off[2])
            self.rotation = multiply(self.rotation, _turned(turn, step))
        down = rotate(inverse(self.rotation), _UP)
        self.acceleration = scale(subtract(force, down), GRAVITY)

    def _rest(self, shown: Vector, time_s: float) -> None:
        """Learn the gyroscope's error while the sensor lies still."""
        recent = self._recent
        recent.append((time_s, shown))
        if time_s - recent[0][0] < _REST_S or time_s - self._checked < _CHECKED_EVERY:
            return
        self._checked = time_s
        while time_s - recent[0][0] > _REST_S:
            recent.popleft()
        means = [sum(sample[axis] for _, sample in recent) / len(recent) for axis in range(3)]
        still = all(abs(sample[axis] - means[axis]) < _REST_SPREAD for _, sample in recent for axis in range(3))
        if still and max(map(abs, means)) < _REST_MOST:
            self._bias = (means[0], means[1], means[2])


def _turned(speed: Vector, seconds: float) -> Rotation:
    """The rotation of some radians a second after a time."""
    angle = length(speed) * seconds
    axis = unit(speed)
    if axis is None:
        return IDENTITY
    sine = math.sin(angle / 2)
    return normalized((math.cos(angle / 2), axis[0] * sine, axis[1] * sine, axis[2] * sine))
