"""A program's pose becomes landmark sets, or one precise error."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from posewire.client.sending.pose_input import read_pose
from posewire.errors import PoseError


def marks(count: int) -> list[Any]:
    return [SimpleNamespace(x=0.25, y=0.5, z=None, visibility=None) for _ in range(count)]


def shapes(found: dict[str, Any]) -> dict[str, Any]:
    return {name: None if values is None else values.shape for name, values in found.items()}


@pytest.mark.parametrize(
    ("pose", "parts", "expected"),
    [
        (np.zeros((33, 4)), {}, {"body33": (33, 4)}),
        (np.zeros((33, 3)), {}, {"body33": (33, 4)}),
        (np.zeros((17, 2)).tolist(), {}, {"coco17": (17, 3)}),
        (np.zeros((478, 3)), {}, {"face478": (478, 3)}),
        ({"body": np.zeros((33, 4)), "hand21": None}, {}, {"body33": (33, 4), "hand21": None}),
        (None, {"body": marks(33), "face": marks(468)}, {"body33": (33, 4), "face468": (468, 3)}),
        (None, {"body": SimpleNamespace(landmark=marks(33))}, {"body33": (33, 4)}),
        (None, {"face": [SimpleNamespace(landmark=marks(478))] * 2}, {"face478": (478, 3)}),
        (None, {"body": [{"x": 0.5, "y": None, "z": 0.5, "visibility": 1}] * 33}, {"body33": (33, 4)}),
        ([{"x": 0.5, "y": 0.5}] * 17, {}, {"coco17": (17, 3)}),
        (None, {"body": [marks(33)], "world": [marks(33)]}, {"body33": (33, 4), "world33": (33, 4)}),
        (None, {"body": None, "hands": None}, {"body33": None, "hand21": None, "hand21_right": None}),
        (None, {"hands": (marks(21), None)}, {"hand21": (21, 3), "hand21_right": None}),
        (None, {"hands": np.zeros((42, 3))}, {"hands42": (42, 3)}),
        (None, {"quaternions": [1, 0, 0, 0]}, {"quat1": (1, 4)}),
        (None, {"quaternions": np.zeros((5, 4))}, {"quat5": (5, 4)}),
        (None, {"imu": [[1, 2, 3], [4, 5, 6]]}, {"imu6": (2, 3)}),
        (marks(33), {}, {"body33": (33, 4)}),
        (SimpleNamespace(pose_landmarks=[marks(33)]), {"imu": np.zeros(6)}, {"body33": (33, 4), "imu6": (2, 3)}),
    ],
)
def test_what_a_program_may_have(pose: Any, parts: dict[str, Any], expected: dict[str, Any]) -> None:
    assert shapes(read_pose(pose, **parts)) == expected


def test_channels_that_are_not_there_are_filled() -> None:
    body = read_pose(np.full((33, 3), 0.25))["body33"]
    coco = read_pose(np.full((17, 2), 0.25))["coco17"]
    assert body is not None
    assert coco is not None
    assert body[0].tolist() == [0.25, 0.25, 0.25, 1.0]
    assert coco[0].tolist() == [0.25, 0.25, 1.0]
    flat = read_pose(body=np.full((33, 2), 0.25))["body33"]
    assert flat is not None
    assert flat[0].tolist() == [0.25, 0.25, 0.0, 1.0]


@pytest.mark.parametrize(
    ("pose", "parts", "message"),
    [
        (None, {}, "no pose was given"),
        (np.zeros((25, 3)), {}, r"an array of shape \(25, 3\) is not a pose of 17, 21, 33, 42, 468, 478 landmarks"),
        (np.zeros(33), {}, r"an array of shape \(33,\)"),
        (None, {"body": np.zeros((17, 3))}, r"body33 has 33 x 4 values, not \(17, 3\)"),
        (None, {"face": np.zeros((400, 3))}, "a face must have 468 or 478 landmarks, not 400"),
        (None, {"quat3": np.zeros((3, 3))}, "quat3 has 3 x 4 values"),
        (None, {"nose": np.zeros((1, 3))}, "unknown landmark set 'nose'"),
        (np.zeros((33, 4)), {"body": np.zeros((33, 4))}, "body33 is given twice"),
        (SimpleNamespace(detections=[]), {}, "is not a MediaPipe result"),
        (None, {"body": "hello"}, "not a pose: could not convert"),
        (None, {"body": [object()] * 33}, "not a pose: "),
        (None, {"hands": 5}, "not a pose: "),
    ],
)
def test_what_is_no_pose(pose: Any, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(PoseError, match=message):
        read_pose(pose, **parts)
