"""Received poses against the recording that they were made from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posewire.wire.pose import Pose


def largest_error(poses: Sequence[Pose], frames: NDArray[np.float32], fps: float) -> float:
    """Return the largest difference of any value to the recorded frame of the same moment, in steps of the grid.

    The camera's clock does not start with the recording, so the first pose is found in it by its values; from there on
    the packets' times say which frame it must be (a camera that is a little late stamps a little late: one frame of
    tolerance). The recording may have been played in a loop.
    """
    first = poses[0]
    start = int(np.argmin([_steps_off(first, frame) for frame in frames]))
    worst = 0.0
    for pose in poses:
        index = start + round((pose.time_ms - first.time_ms) / 1000 * fps)
        near = (frames[number % len(frames)] for number in (index - 1, index, index + 1))
        worst = max(worst, min(_steps_off(pose, frame) for frame in near))
    return worst


def _steps_off(pose: Pose, frame: NDArray[np.float32]) -> float:
    return float(np.abs((pose.values.astype(np.float64) - frame) / pose.landmarks.steps).max())
