"""MediaPipe's results become arrays: with objects of the same shape, and with its own classes where it is installed."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from posewire.errors import PoseError
from posewire.wire.pose import PoseEncoder, from_mediapipe


@dataclass
class Landmark:
    """As in the tasks API: every field may be None."""

    x: float | None = None
    y: float | None = None
    z: float | None = None
    visibility: float | None = None
    presence: float | None = None


@dataclass
class Category:
    """As in the tasks API."""

    score: float | None = None
    category_name: str | None = None


def marks(count: int, x: float = 0.25) -> list[Landmark]:
    return [Landmark(x, 0.5, -0.125, 0.75, 0.5) for _ in range(count)]


def of_solution(landmarks: list[Landmark]) -> Any:
    """As in the solutions: a message with a field ``landmark``."""
    return SimpleNamespace(landmark=landmarks)


def side(label: str, score: float) -> Any:
    return SimpleNamespace(classification=[SimpleNamespace(label=label, score=score, index=0)])


def x_of(found: dict[str, Any]) -> dict[str, float | None]:
    return {name: None if values is None else float(values[0, 0]) for name, values in found.items()}


@pytest.mark.parametrize("wrap", [of_solution, lambda landmarks: [landmarks], list], ids=["solution", "people", "flat"])
def test_a_body_in_each_form(wrap: Any) -> None:
    found = from_mediapipe(SimpleNamespace(pose_landmarks=wrap(marks(33)), pose_world_landmarks=wrap(marks(33))))
    assert set(found) == {"body33", "world33"}
    for values in found.values():
        assert values is not None
        assert values.dtype == np.float32
        assert np.array_equal(values, np.tile(np.float32([0.25, 0.5, -0.125, 0.75]), (33, 1)))


def test_what_a_landmark_lacks_does_not_make_it_missing() -> None:
    found = from_mediapipe(SimpleNamespace(pose_landmarks=[[Landmark(0.25, 0.5)] * 32 + [Landmark()]]))
    body = found["body33"]
    assert body is not None
    assert np.array_equal(body[:32], np.tile(np.float32([0.25, 0.5, 0.0, 1.0]), (32, 1)))
    assert np.isnan(body[32, :2]).all()
    hand = from_mediapipe(SimpleNamespace(left_hand_landmarks=[Landmark(0.25, 0.5)] * 21))["hand21"]
    assert hand is not None
    assert np.array_equal(hand[0], np.float32([0.25, 0.5, 0.0]))


def test_holistic_results_of_the_solutions() -> None:
    result = SimpleNamespace(
        pose_landmarks=of_solution(marks(33)),
        pose_world_landmarks=None,
        left_hand_landmarks=None,
        right_hand_landmarks=of_solution(marks(21, 0.5)),
        face_landmarks=of_solution(marks(468)),
        segmentation_mask=None,
    )
    found = from_mediapipe(result)
    assert x_of(found) == {"body33": 0.25, "world33": None, "hand21": None, "hand21_right": 0.5, "face468": 0.25}


def test_hands_go_by_the_side_that_mediapipe_says() -> None:
    hands = [of_solution(marks(21, 0.5)), of_solution(marks(21, 0.25))]
    sides = [side("Right", 0.9), side("Left", 0.8)]
    found = from_mediapipe(SimpleNamespace(multi_hand_landmarks=hands, multi_handedness=sides))
    assert x_of(found) == {"hand21": 0.25, "hand21_right": 0.5}
    result = SimpleNamespace(
        hand_landmarks=[marks(21, 0.5)], handedness=[[Category(0.9, "Right")]], hand_world_landmarks=[marks(21)]
    )
    assert x_of(from_mediapipe(result)) == {"hand21": None, "hand21_right": 0.5}


def test_two_hands_of_one_side_are_one_of_each_by_their_score() -> None:
    result = SimpleNamespace(
        hand_landmarks=[marks(21, 0.25), marks(21, 0.5)],
        handedness=[[Category(0.6, "Left")], [Category(0.9, "Left")]],
    )
    assert x_of(from_mediapipe(result)) == {"hand21": 0.5, "hand21_right": 0.25}


@pytest.mark.parametrize("count", [468, 478])
def test_faces_of_both_numbers_of_landmarks(count: int) -> None:
    for result in (
        SimpleNamespace(face_landmarks=[marks(count)], face_blendshapes=[]),
        SimpleNamespace(multi_face_landmarks=[of_solution(marks(count))]),
    ):
        assert x_of(from_mediapipe(result)) == {f"face{count}": 0.25}


def test_nothing_found_is_said_for_each_set() -> None:
    assert from_mediapipe(SimpleNamespace(multi_hand_landmarks=None, multi_handedness=None)) == {
        "hand21": None,
        "hand21_right": None,
    }
    assert from_mediapipe(SimpleNamespace(pose_landmarks=[], pose_world_landmarks=[])) == {
        "body33": None,
        "world33": None,
    }
    assert from_mediapipe(SimpleNamespace(multi_face_landmarks=None)) == {}


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(PoseError, match="SimpleNamespace is not a MediaPipe result"):
        from_mediapipe(SimpleNamespace(detections=[]))
    with pytest.raises(PoseError, match="body33 has 33 landmarks, not 25"):
        from_mediapipe(SimpleNamespace(pose_landmarks=[marks(25)]))


def test_the_classes_of_the_solutions() -> None:
    formats = pytest.importorskip("mediapipe.framework.formats.landmark_pb2")
    guesses = pytest.importorskip("mediapipe.framework.formats.classification_pb2")

    def message(count: int, x: float) -> Any:
        made = formats.NormalizedLandmarkList()
        for _ in range(count):
            made.landmark.add(x=x, y=0.5)
        return made

    left = guesses.ClassificationList()
    left.classification.add(index=0, score=0.9, label="Left")
    hands = SimpleNamespace(multi_hand_landmarks=[message(21, 0.5)], multi_handedness=[left])
    assert x_of(from_mediapipe(hands)) == {"hand21": 0.5, "hand21_right": None}
    body = from_mediapipe(SimpleNamespace(pose_landmarks=message(33, 0.25)))
    assert x_of(body) == {"body33": 0.25}
    assert PoseEncoder("body33").encode(body, 0)
    assert x_of(from_mediapipe(SimpleNamespace(multi_face_landmarks=[message(478, 0.5)]))) == {"face478": 0.5}


def test_the_classes_of_the_tasks() -> None:
    vision = pytest.importorskip("mediapipe.tasks.python.vision")
    containers = pytest.importorskip("mediapipe.tasks.python.components.containers.landmark")
    category = pytest.importorskip("mediapipe.tasks.python.components.containers.category")
    holistic = pytest.importorskip("mediapipe.tasks.python.vision.holistic_landmarker")

    def some(count: int, x: float) -> Any:
        return [containers.NormalizedLandmark(x=x, y=0.5) for _ in range(count)]

    left = [category.Category(index=0, score=0.9, display_name="Left", category_name="Left")]
    assert x_of(from_mediapipe(vision.PoseLandmarkerResult([some(33, 0.5)], [some(33, 0.25)]))) == {
        "body33": 0.5,
        "world33": 0.25,
    }
    for result in (
        vision.HandLandmarkerResult([left], [some(21, 0.5)], [some(21, 0.25)]),
        vision.GestureRecognizerResult([], [left], [some(21, 0.5)], [some(21, 0.25)]),
    ):
        assert x_of(from_mediapipe(result)) == {"hand21": 0.5, "hand21_right": None}
    assert x_of(from_mediapipe(vision.FaceLandmarkerResult([some(478, 0.5)], [], []))) == {"face478": 0.5}
    whole = holistic.HolisticLandmarkerResult(
        face_landmarks=some(478, 0.5),
        pose_landmarks=some(33, 0.25),
        pose_world_landmarks=[],
        left_hand_landmarks=some(21, 0.125),
        left_hand_world_landmarks=[],
        right_hand_landmarks=[],
        right_hand_world_landmarks=[],
    )
    assert x_of(from_mediapipe(whole)) == {
        "body33": 0.25,
        "world33": None,
        "hand21": 0.125,
        "hand21_right": None,
        "face478": 0.5,
    }
