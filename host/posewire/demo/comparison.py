"""Received poses against the recording that they were made from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posewire.wire.pose import PoseFrame, landmark_set


def largest_error(poses: Sequence[PoseFrame], name: str, frames: NDArray[np.float32], fps: float) -> float:
    """Return the largest difference of any value to the recorded frame of the same moment, in steps of the grid.

    ``name`` is the landmark set. The camera's clock does not start with the recording, so the first pose is found in it
    by its values; from there on the packets' times say which frame it must be (a camera that is a little late stamps a
    little late: one frame of tolerance). The recording may have been played in a loop.
    """
    steps = np.exp2(-np.array(landmark_set(name).bits, np.float64))

    def steps_off(pose: PoseFrame, frame: NDArray[np.float32]) -> float:
        return float(np.abs((pose.values[name].astype(np.float64) - frame) / steps).max())

    first = poses[0]
    start = int(np.argmin([steps_off(first, frame) for frame in frames]))
    worst = 0.0
    for pose in poses:
        index = start + round((pose.time_ms - first.time_ms) / 1000 * fps)
        near = (frames[number % len(frames)] for number in (index - 1, index, index + 1))
        worst = max(worst, min(steps_off(pose, frame) for frame in near))
    return worst
