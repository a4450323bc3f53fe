"""Received poses against the recording that they were made from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posewire.wire.pose import PoseFrame, landmark_set

_LATE_S = 0.5
"""Seconds that a pose's time may be off, at most."""


def largest_error(poses: Sequence[PoseFrame], name: str, frames: NDArray[np.float32], fps: float) -> float:
    """Return the largest difference of any value to the recorded frame of the same moment, in steps of the grid.

    ``name`` is the landmark set. The camera's clock does not start with the recording, so the first pose is found in it
    by its values; from there on the packets' times say which frame it must be. On a machine that is busy the board
    stamps late: a pose may be of any frame within half a second of its time, but of none before the last pose's. The
    recording may have been played in a loop.
    """
    steps = np.exp2(-np.array(landmark_set(name).bits, np.float64))

    def steps_off(pose: PoseFrame, frame: NDArray[np.float32]) -> float:
        return float(np.abs((pose.values[name].astype(np.float64) - frame) / steps).max())

    first = poses[0]
    start = int(np.argmin([steps_off(first, frame) for frame in frames]))
    worst, last = 0.0, start
    reach = round(_LATE_S * fps)
    for pose in poses:
        index = start + round((pose.time_ms - first.time_ms) / 1000 * fps)
        near = range(max(index - reach, last), max(index + reach, last) + 1)
        error, last = min((steps_off(pose, frames[number % len(frames)]), number) for number in near)
        worst = max(worst, error)
    return worst
