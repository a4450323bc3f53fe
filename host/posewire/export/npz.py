"""One landmark set as arrays of numpy, which this project's tools and simulated boards play, too."""

from pathlib import Path

import numpy as np

from posewire.export.poses import RecordedPoses, Told, Wanted, only_source


def write_npz(file: Path, wanted: Wanted, out: Path, told: Told | None = None) -> int:
    """Write ``data`` (frames, landmarks, channels), ``fps``, ``kind`` and ``times`` (s); returns the number of frames.

    Raises:
        ConfigError: more than one set is wanted, or none.
    """
    device, stream, name = only_source(file, wanted, told=told)
    frames, times = [], []
    for pose in RecordedPoses(file, Wanted((device,), (name,)), told):
        if pose.stream == stream:
            frames.append(pose.values[name])
            times.append(pose.time_s)
    steps = np.diff(times)
    fps = 1 / float(np.median(steps)) if len(steps) and np.median(steps) > 0 else 30.0
    with out.open("wb") as target:
        np.savez_compressed(target, data=np.array(frames, np.float32), fps=fps, kind=name, times=np.array(times))
    return len(frames)
