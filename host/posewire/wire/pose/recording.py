"""Sources of poses: MediaPipe results, arrays, ``.npz`` recordings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
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


def from_mediapipe(result: Any) -> dict[str, NDArray[np.float32] | None]:
    """MediaPipe results as set name → array, None where nothing was found.

    ``result``: of the old Holistic, Pose, Hands and FaceMesh solutions (``pose_landmarks``, ``left_hand_landmarks``, …)
    or of the tasks API, where ``pose_landmarks`` is a list of people, of whom this is the first. A face is named by its
    468 or 478 landmarks.
    """
    out: dict[str, NDArray[np.float32] | None] = {}
    for attribute, name, seen in (
        ("pose_landmarks", "body33", True),
        ("pose_world_landmarks", "world33", True),
        ("face_landmarks", "face", False),
        ("left_hand_landmarks", "hand21", False),
        ("right_hand_landmarks", "hand21_right", False),
    ):
        if not hasattr(result, attribute):
            continue
        landmarks = getattr(result, attribute)
        landmarks = getattr(landmarks, "landmark", landmarks)
        if landmarks and isinstance(landmarks[0], list | tuple):
            landmarks = landmarks[0]
        if not landmarks:
            if name != "face":
                out[name] = None
            continue
        rows = [(m.x, m.y, m.z, m.visibility) if seen else (m.x, m.y, m.z) for m in landmarks]
        array = np.array(rows, np.float32)
        out[f"face{len(array)}" if name == "face" else name] = array
    return out
