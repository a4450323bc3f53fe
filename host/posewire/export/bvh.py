"""The motion of a body as a BVH file (Biovision hierarchy), for Blender, Maya, MotionBuilder, Unreal …"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from posewire.errors import ConfigError
from posewire.export.poses import RecordedPose, RecordedPoses, Told, Wanted, only_source
from posewire.skeleton.body_rig import BODY_SETS, BONE_SET, BodyRig, hips_height
from posewire.skeleton.humanoid import BONES, FROM_THE_ROOT, Bone
from posewire.skeleton.rotations import IDENTITY, Rotation, blend

_HANDS = ("hand21", "hand21_right", "hands42")
_CENTIMETRES = 100.0
_END = 0.05
_ROTATIONS = "Zrotation Xrotation Yrotation"


@dataclass(frozen=True)
class _Key:
    """How a body is at one time."""

    time_s: float
    height: float
    pose: dict[str, Rotation]


def write_bvh(
    file: Path, wanted: Wanted, out: Path, told: Told | None = None, *, fps: float = 30.0, aspect: float = 4 / 3
) -> int:
    """Write the body of one device, in centimetres; returns the number of frames. Between two poses it is interpolated.

    Raises:
        ConfigError: the bodies of several devices are wanted, or none.
    """
    device, stream, _ = only_source(file, wanted, _best_body(file, wanted, told), told)
    poses = RecordedPoses(file, Wanted((device,)), told)
    keys = list(_keys((pose for pose in poses if pose.stream == stream or set(pose.values) <= set(_HANDS)), aspect))
    bones = _bones_of(keys)
    with out.open("w", encoding="ascii") as target:
        _write_hierarchy(target, bones)
        frames = list(_resampled(keys, fps))
        target.write(f"MOTION\nFrames: {len(frames)}\nFrame Time: {1 / fps:.8f}\n")
        for frame in frames:
            target.write(" ".join(f"{value:.4f}" for value in _channels(frame, bones)) + "\n")
    return len(frames)


def _best_body(file: Path, wanted: Wanted, told: Told | None) -> tuple[str, ...]:
    """The best kind of body in a recording: bones as they are, then metres, then shares of a picture."""
    there = {name for pose in RecordedPoses(file, wanted, told) for name in pose.values}
    best = next((name for name in (BONE_SET, *BODY_SETS) if name in there), None)
    if best is None:
        raise ConfigError(f"{file} has no body: that is one of {', '.join((BONE_SET, *BODY_SETS))}")
    return (best,)


def _keys(poses: Iterable[RecordedPose], aspect: float) -> Iterator[_Key]:
    rig, before = BodyRig(aspect), -1.0
    for pose in poses:
        if rig.update(pose.values) and pose.time_s > before:
            before = pose.time_s
            yield _Key(pose.time_s, hips_height(pose.values), dict(rig.pose))


def _bones_of(keys: list[_Key]) -> list[Bone]:
    """The bones that ever move, and those that they hang on; each after the one it hangs on."""
    found: set[str] = set()
    for name in {name for key in keys for name in key.pose}:
        at: str | None = name
        while at is not None:
            found.add(at)
            at = BONES[at].parent
    return [bone for bone in _depth_first("Hips") if bone.name in found]


def _depth_first(name: str) -> Iterator[Bone]:
    yield BONES[name]
    for bone in FROM_THE_ROOT:
        if bone.parent == name:
            yield from _depth_first(bone.name)


def _write_hierarchy(target: TextIO, bones: list[Bone]) -> None:
    target.write("HIERARCHY\n")
    _write_joint(target, bones[0], bones, 0)


def _write_joint(target: TextIO, bone: Bone, bones: list[Bone], depth: int) -> None:
    pad = "  " * depth
    children = [child for child in bones if child.parent == bone.name]
    kind = "JOINT" if bone.parent else "ROOT"
    place = _offset(bone) if bone.parent else "0.0000 0.0000 0.0000"
    channels = f"3 {_ROTATIONS}" if bone.parent else f"6 Xposition Yposition Zposition {_ROTATIONS}"
    target.write(f"{pad}{kind} {bone.name}\n{pad}{{\n{pad}  OFFSET {place}\n{pad}  CHANNELS {channels}\n")
    for child in children:
        _write_joint(target, child, bones, depth + 1)
    if not children:
        target.write(f"{pad}  End Site\n{pad}  {{\n{pad}    OFFSET {_tip(bone)}\n{pad}  }}\n")
    target.write(f"{pad}}}\n")


def _offset(bone: Bone) -> str:
    """Where a bone begins. BVH is right-handed: what looks along z has its left hand at positive x."""
    x, y, z = bone.place
    return f"{-x * _CENTIMETRES:.4f} {y * _CENTIMETRES:.4f} {z * _CENTIMETRES:.4f}"


def _tip(bone: Bone) -> str:
    """Where a last bone ends: on in the direction in which it came."""
    x, y, z = bone.place
    size = math.sqrt(x * x + y * y + z * z) or 1.0
    end = _END * _CENTIMETRES / size
    return f"{-x * end:.4f} {y * end:.4f} {z * end:.4f}"


def _resampled(keys: list[_Key], fps: float) -> Iterator[_Key]:
    """Poses at even distances."""
    first, last, at = keys[0].time_s, keys[-1].time_s, 0
    for number in range(math.floor((last - first) * fps + 1e-6) + 1):
        time = first + number / fps
        while at + 1 < len(keys) and keys[at + 1].time_s <= time:
            at += 1
        before, after = keys[at], keys[min(at + 1, len(keys) - 1)]
        span = after.time_s - before.time_s
        share = min((time - before.time_s) / span, 1.0) if span > 0 else 0.0
        pose = {name: blend(before.pose.get(name, rotation), rotation, share) for name, rotation in after.pose.items()}
        yield _Key(time, before.height + share * (after.height - before.height), pose)


def _channels(key: _Key, bones: list[Bone]) -> Iterator[float]:
    yield from (0.0, key.height * _CENTIMETRES, 0.0)
    for bone in bones:
        yield from _zxy(key.pose.get(bone.name, IDENTITY))


def _zxy(rotation: Rotation) -> tuple[float, float, float]:
    """The angles of a rotation in a right-handed space: about z, then x, then y, each in the turned axes."""
    w, x, y, z = rotation[0], rotation[1], -rotation[2], -rotation[3]
    sine = 2 * (y * z + w * x)
    if abs(sine) > 0.999999:
        return math.degrees(2 * math.atan2(z, w)), math.copysign(90.0, sine), 0.0
    return (
        math.degrees(math.atan2(2 * (w * z - x * y), 1 - 2 * (x * x + z * z))),
        math.degrees(math.asin(sine)),
        math.degrees(math.atan2(2 * (w * y - x * z), 1 - 2 * (x * x + y * y))),
    )
