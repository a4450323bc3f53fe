"""A program's pose as the landmark sets of the wire."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.errors import PoseError
from posewire.wire.pose import from_mediapipe, landmark_set
from posewire.wire.pose.mediapipe_results import landmark_array

Sets = dict[str, NDArray[np.float32] | None]

_CHANNELS = ("x", "y", "z", "visibility")
_BY_SIZE = {17: "coco17", 21: "hand21", 33: "body33", 42: "hands42", 468: "face468", 478: "face478"}
_NAMED = {"body": "body33", "world": "world33", "left_hand": "hand21", "right_hand": "hand21_right", "coco": "coco17"}


def read_pose(pose: Any = None, **parts: Any) -> Sets:
    """Return landmark set name → array, from a whole pose or from its parts.

    ``pose``: a result of MediaPipe (either API), a mapping from set names, or an array of 17 (COCO), 21, 33, 42, 468 or
    478 landmarks. ``parts``: by the name of a set, or ``body``, ``world``, ``left_hand``, ``right_hand``, ``coco``,
    ``hands`` (42 landmarks, left before right, or a pair), ``face`` (468 or 478), ``quaternions`` (w, x, y, z or any
    other order that both sides agree on), ``imu`` (acceleration and rotation in raw counts); each an array, a list, or
    landmarks of MediaPipe, None where it was not found. Where a set has channels more than the array, ``z`` is 0 and
    ``visibility`` (COCO: the score) is 1.

    Landmarks may be objects with ``x``, ``y``, ``z`` and ``visibility`` as members or as keys; None is a missing value.

    Raises ``PoseError``, which names what is wrong; then nothing of the pose is taken.
    """
    try:
        return _read(pose, parts)
    except (TypeError, ValueError, IndexError) as error:  # numpy's words for what is no array of numbers
        raise PoseError(f"not a pose: {error}") from None


def _read(pose: Any, parts: Mapping[str, Any]) -> Sets:
    sets: Sets = {}
    if isinstance(pose, Mapping):
        parts = {**pose, **parts}
    elif isinstance(pose, np.ndarray | list | tuple):
        sets |= _whole(pose)
    elif pose is not None:
        sets |= from_mediapipe(pose)
    for name, values in parts.items():
        for set_name, array in _part(name, values).items():
            if sets.get(set_name) is not None:
                raise PoseError(f"{set_name} is given twice")
            sets[set_name] = array
    if not sets:
        raise PoseError("no pose was given: give a result, an array, or parts such as body=…")
    return sets


def _whole(pose: Any) -> Sets:
    if len(pose) and isinstance(pose[0], Mapping):
        pose = _rows(pose)
    elif len(pose) and hasattr(pose[0], "x"):
        pose = [(mark.x, mark.y, mark.z) for mark in pose]
    array = np.asarray(pose, np.float32)
    name = _BY_SIZE.get(len(array)) if array.ndim == 2 else None
    if name is None:
        raise PoseError(
            f"an array of shape {array.shape} is not a pose of {', '.join(map(str, _BY_SIZE))} landmarks:"
            " name its set, as in send(quat5=…)"
        )
    return {name: _array(name, array)}


def _part(name: str, values: Any) -> Sets:
    if name == "hands":
        return _hands(values)
    if name == "face":
        face = _landmarks("face468", values) if values is not None else None
        if face is None:
            return {}
        return {f"face{len(face)}": _array(f"face{len(face)}", face)} if len(face) in (468, 478) else _wrong(face)
    if name == "quaternions":
        array = np.asarray(values, np.float32).reshape(-1, 4) if values is not None else None
        return {f"quat{len(array)}": array} if array is not None else {}
    if name == "imu":
        return {"imu6": None if values is None else _array("imu6", np.asarray(values, np.float32).reshape(-1, 3))}
    name = _NAMED.get(name, name)
    return {name: None if values is None else _array(name, _landmarks(name, values))}


def _wrong(face: Any) -> Sets:
    raise PoseError(f"a face must have 468 or 478 landmarks, not {len(face)}")


def _hands(values: Any) -> Sets:
    if values is None:
        return {"hand21": None, "hand21_right": None}
    if len(values) == 2 and not isinstance(values, np.ndarray):
        left, right = values
        return _part("left_hand", left) | _part("right_hand", right)
    return {"hands42": _array("hands42", _landmarks("hands42", values))}


def _landmarks(name: str, values: Any) -> Any:
    """An array, or what MediaPipe has in its place."""
    inner = getattr(values, "landmark", values)
    first = inner[0] if len(inner) else None
    if isinstance(first, Mapping):
        return _rows(inner)
    if hasattr(first, "landmark"):  # several people of the older API: the first
        return _landmarks(name, first)
    if first is not None and (hasattr(first, "x") or (isinstance(first, list | tuple) and hasattr(first[0], "x"))):
        return landmark_array(values, "face" if name.startswith("face") else name)
    if first is None and not isinstance(values, np.ndarray):
        return None
    return np.asarray(values, np.float32)


def _rows(marks: Any) -> NDArray[np.float32]:
    names = [name for name in _CHANNELS if name in marks[0]]
    return np.asarray([[mark.get(name) for name in names] for mark in marks], np.float32)


def _array(name: str, values: Any) -> NDArray[np.float32] | None:
    """The values with all channels of the set."""
    if values is None:
        return None
    spec = landmark_set(name)
    array = np.asarray(values, np.float32)
    if array.size == spec.size and array.ndim != 2:
        array = array.reshape(spec.landmarks, spec.channels)
    if array.ndim != 2 or len(array) != spec.landmarks or not 0 <= spec.channels - array.shape[1] <= 2:
        raise PoseError(f"{name} has {spec.landmarks} x {spec.channels} values, not {array.shape}")
    missing = spec.channels - array.shape[1]
    if missing and (spec.is_quaternion or array.shape[1] < 2):
        raise PoseError(f"{name} has {spec.landmarks} x {spec.channels} values, not {array.shape}")
    if missing:
        # z, then visibility; of COCO the score
        fill = np.array((0.0, 1.0) if spec.channels == 4 else (1.0,) if name == "coco17" else (0.0,), np.float32)
        array = np.concatenate([array, np.broadcast_to(fill[-missing:], (len(array), missing))], axis=1)
    return array
