"""Reads BVH files as other programs do: hierarchy, channels, frames; and says where each joint is."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

_AXES = {"X": 0, "Y": 1, "Z": 2}


@dataclass
class Joint:
    name: str
    parent: "Joint | None"
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    channels: list[str] = field(default_factory=list)


@dataclass
class Bvh:
    joints: list[Joint]
    frame_time: float
    frames: np.ndarray

    def places(self, number: int) -> dict[str, np.ndarray]:
        """Where each joint is in a frame."""
        values = iter(self.frames[number].tolist())
        found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for joint in self.joints:
            place, turn = joint.offset.copy(), np.eye(3)
            for channel in joint.channels:
                value = next(values)
                if channel.endswith("position"):
                    place[_AXES[channel[0]]] = value
                else:
                    turn = turn @ _rotation(_AXES[channel[0]], np.radians(value))
            if joint.parent is not None:
                at, parent = found[joint.parent.name]
                place, turn = at + parent @ place, parent @ turn
            found[joint.name] = (place, turn)
        assert next(values, None) is None
        return {name: place for name, (place, _) in found.items()}


def _rotation(axis: int, angle: float) -> np.ndarray:
    a, b = (axis + 1) % 3, (axis + 2) % 3
    turn = np.eye(3)
    turn[a, a] = turn[b, b] = np.cos(angle)
    turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
    return turn


def read_bvh(file: Path) -> Bvh:
    """Read a file; fails where it breaks the format."""
    words = iter(file.read_text().split())
    assert next(words) == "HIERARCHY"
    joints: list[Joint] = []
    open_joints: list[Joint | None] = []
    while (word := next(words)) != "MOTION":
        match word:
            case "ROOT" | "JOINT":
                parent = open_joints[-1] if open_joints else None
                joint = Joint(next(words), parent)
                joints.append(joint)
                open_joints.append(joint)
                assert next(words) == "{"
            case "End":
                assert (next(words), next(words)) == ("Site", "{")
                open_joints.append(None)
            case "OFFSET":
                offset = np.array([float(next(words)) for _ in range(3)])
                if open_joints[-1] is not None:
                    open_joints[-1].offset = offset
            case "CHANNELS":
                assert open_joints[-1] is not None
                open_joints[-1].channels = [next(words) for _ in range(int(next(words)))]
            case "}":
                open_joints.pop()
            case _:
                raise AssertionError(word)
    assert not open_joints
    assert next(words) == "Frames:"
    count = int(next(words))
    assert (next(words), next(words)) == ("Frame", "Time:")
    frame_time = float(next(words))
    values = np.array([float(word) for word in words])
    return Bvh(joints, frame_time, values.reshape(count, sum(len(joint.channels) for joint in joints)))
