"""MediaPipe's results as arrays of landmark sets: of its solutions (``mp.solutions``) and of its tasks API.

MediaPipe itself is not imported: objects with the same attributes are as good.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.errors import PoseError
from posewire.wire.pose.sets import landmark_set

Found = dict[str, NDArray[np.float32] | None]

_BODIES = (("pose_landmarks", "body33"), ("pose_world_landmarks", "world33"))
_HANDS = (("left_hand_landmarks", "hand21"), ("right_hand_landmarks", "hand21_right"))
_FACES = ("face_landmarks", "multi_face_landmarks")
_LISTED_HANDS = (("multi_hand_landmarks", "multi_handedness"), ("hand_landmarks", "handedness"))
_FACE_SIZES = (468, 478)
_KNOWN = (
    *(attribute for attribute, _ in (*_BODIES, *_HANDS)),
    *_FACES,
    *(attribute for attribute, _ in _LISTED_HANDS),
)


def from_mediapipe(result: Any) -> Found:
    """MediaPipe results as set name → array, None where nothing was found.

    ``result``: of the solutions Holistic, Pose, Hands and FaceMesh, or of the tasks PoseLandmarker, HandLandmarker,
    GestureRecognizer, FaceLandmarker and HolisticLandmarker. Of several people or faces this is the first; of several
    hands the surest left and the surest right one (``hand21``, ``hand21_right``). A face is named by its number of
    landmarks, 468 or 478; where there is none, no face is in the answer. Of a landmark without ``z`` that is 0, without
    ``visibility`` that is 1; one without ``x`` or ``y`` is missing (NaN).

    Raises ``PoseError`` for an object that is no such result, and for landmarks of another number than the set has.
    """
    if not any(hasattr(result, attribute) for attribute in _KNOWN):
        raise PoseError(f"{type(result).__name__} is not a MediaPipe result with landmarks of bodies, hands or faces")
    found: Found = {}
    for attribute, name in _BODIES:
        if hasattr(result, attribute):
            found[name] = landmark_array(getattr(result, attribute), name)
    for attribute, name in _HANDS:
        if hasattr(result, attribute):
            found[name] = landmark_array(getattr(result, attribute), name)
    for attribute, sides in _LISTED_HANDS:
        if hasattr(result, attribute):
            found |= _sided_hands(getattr(result, attribute) or (), getattr(result, sides, None) or ())
    for attribute in _FACES:
        face = landmark_array(getattr(result, attribute, None), "face")
        if face is not None:
            found[f"face{len(face)}"] = face
    return found


def landmark_array(landmarks: Any, name: str) -> NDArray[np.float32] | None:
    """Landmarks of one body, hand or face as an array (landmarks, channels) of the set ``name``; None without any.

    ``landmarks``: a ``NormalizedLandmarkList``, a list of landmarks, or a list of such lists, of which this is the
    first. ``name`` may be ``"face"`` for either number of landmarks.

    Raises ``PoseError`` for another number of landmarks than the set has.
    """
    rows = _rows(landmarks)
    if not rows:
        return None
    spec = landmark_set("face468" if name == "face" else name)
    sizes = _FACE_SIZES if name == "face" else (spec.landmarks,)
    if len(rows) not in sizes:
        raise PoseError(f"{name} has {' or '.join(map(str, sizes))} landmarks, not {len(rows)}")
    seen = spec.channels > 3
    return np.array([_values(mark, seen) for mark in rows], np.float32)


def _rows(landmarks: Any) -> Any:
    landmarks = getattr(landmarks, "landmark", landmarks)
    if not landmarks:
        return ()
    first = landmarks[0]
    return landmarks if hasattr(first, "x") else _rows(first)


def _values(mark: Any, seen: bool) -> tuple[float, ...]:
    place = (_number(mark.x, np.nan), _number(mark.y, np.nan), _number(getattr(mark, "z", None), 0.0))
    return (*place, _number(getattr(mark, "visibility", None), 1.0)) if seen else place


def _number(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _sided_hands(hands: Any, sides: Any) -> Found:
    """A list of hands, each with the side that MediaPipe takes it for; two of the same side become one of each."""
    found: Found = {"hand21": None, "hand21_right": None}
    guesses = [_side(sides[number] if number < len(sides) else None) for number in range(len(hands))]
    for number in sorted(range(len(hands)), key=lambda number: -guesses[number][1]):
        right = guesses[number][0] == "right"
        for name in ("hand21_right", "hand21") if right else ("hand21", "hand21_right"):
            if found[name] is None:
                found[name] = landmark_array(hands[number], "hand21")
                break
    return found


def _side(guess: Any) -> tuple[str, float]:
    """Side and score of a ``ClassificationList``, or of a list of ``Category``, of which the first is the surest."""
    guess = getattr(guess, "classification", guess)
    if not guess:
        return "", 0.0
    first = guess[0]
    label = getattr(first, "label", None) or getattr(first, "category_name", None) or ""
    return label.lower(), float(getattr(first, "score", None) or 0.0)
