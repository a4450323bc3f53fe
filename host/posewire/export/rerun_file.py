"""Poses as a file for the Rerun viewer (extra ``rerun``)."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from posewire.errors import ConfigError
from posewire.export.poses import RecordedPose

_SHARES = ("body33", "hand21", "hands42", "face", "coco17")


def write_rrd(poses: Iterable[RecordedPose], file: Path) -> int:
    """Write points in space (``world33``), points in the picture, and all else as numbers; returns the number of poses.

    Raises:
        ConfigError: Rerun is not installed.
    """
    try:
        import rerun
    except ImportError:
        raise ConfigError("a .rrd file needs Rerun: pip install 'posewire[rerun]'") from None
    count = 0
    recording = rerun.RecordingStream("posewire")
    recording.save(file)
    for pose in poses:
        count += 1
        recording.set_time("recording", duration=pose.time_s)
        for name, values in pose.values.items():
            path = f"{pose.device.replace('/', '_')}/{name}"
            there = values[~np.isnan(values[:, 0])]
            if name == "world33":
                recording.log(path, rerun.Points3D(there[:, :3]))
            elif name.startswith(_SHARES):
                recording.log(path, rerun.Points2D(there[:, :2]))
            else:
                recording.log(path, rerun.Scalars(values.ravel()))
    recording.disconnect()
    return count
