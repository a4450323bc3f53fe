"""Recordings of poses in ``.npz`` files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from posewire.errors import PoseError
from posewire.wire.pose.sets import LandmarkSet, custom_set, landmark_set


@dataclass(frozen=True, slots=True)
class Recording:
    """``frames``: set name → float32 array (frames, landmarks, channels), NaN where a landmark is missing."""

    name: str
    kind: str
    fps: float
    sets: list[LandmarkSet]
    frames: dict[str, NDArray[np.float32]]

    @property
    def length(self) -> int:
        return len(next(iter(self.frames.values())))


def load_recording(path: Path | str, bits: int = 12) -> Recording:
    """A ``.npz`` with ``data`` (frames, landmarks, channels), ``fps`` and ``kind`` (a set's name, ``holistic543``,
    or anything else: a custom set; a ``note`` with ``parents=[…]`` is its topology).

    ``bits``: of x and y in images; z has two fewer, metres have the step 2^-(bits - 2), quaternions 2^-bits.
    Raises ``PoseError`` for another shape, ``KeyError`` where an array is missing.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as z:
            data = np.asarray(z["data"], np.float32)
            fps, kind = float(z["fps"]), str(z["kind"])
            note = str(z["note"]) if "note" in z.files else ""
    except (BadZipFile, EOFError, TypeError, ValueError) as error:  # an .npy is no context manager
        raise PoseError(f"{path.name} is not an .npz recording: {error}") from None
    if data.ndim != 3 or not len(data):
        raise PoseError(f"data has the shape {data.shape}, not (frames, landmarks, channels)")
    landmarks, channels = data.shape[1:]
    image = (bits, bits, bits - 2, 6)
    metres = (bits - 2, bits - 2, bits - 2, 6)
    if kind == "holistic543":
        cuts = (("body33", 0, 33), ("hands42", 33, 75), ("face468", 75, 543))
        sets = [landmark_set(name, image[:channels]) for name, _, _ in cuts]
        return Recording(path.stem, kind, fps, sets, {name: data[:, a:b] for name, a, b in cuts})
    if kind.startswith("quat"):
        spec = landmark_set(f"quat{landmarks}", (bits,) * 4)
    elif kind in ("body33", "hands42", "hand21", "face468", "face478"):
        spec = landmark_set(kind, image[:channels])
    elif kind == "world33":
        spec = landmark_set(kind, metres[:channels])
    elif kind == "coco17":
        spec = landmark_set(kind, (bits, bits, 6)[:channels])
    else:
        found = re.search(r"parents=\[(.*?)\]", note)
        parents = tuple(int(v) for v in found[1].split(",")) if found else ()
        units = metres if kind.startswith("joints") else image
        spec = custom_set(landmarks, (*units, *([bits] * 4))[:channels], parents)
    return Recording(path.stem, kind, fps, [spec], {spec.name: data})
