"""A block of quaternions: three components of each travel (section 7)."""

from __future__ import annotations

from posewire.errors import PoseError
from posewire.wire.pose.blocks.landmark_block import decode_frame, encode_frame, pick_mode, temporal_base
from posewire.wire.pose.blocks.task import Result, Task, frame_of
from posewire.wire.pose.core.model import INTRA, Frame, Integers
from posewire.wire.pose.core.quaternions import Components
from posewire.wire.pose.packet import put_mask
from posewire.wire.pose.set_coder import SetCoder


def encode(coder: SetCoder, x: Integers, task: Task) -> tuple[int, bytes, bytes, Result]:
    """Return the temporal mode, the intra mask (empty without one), the rest of the body, and the state after it.

    Landmarks that have to be coded without the reference become so in ``task.action``.
    """
    parts, action = _components(coder), coder.kernel.array(task.action)
    reference, unit = task.reference, _unit(coder, task)
    before = task.action
    jumps = coder.kernel.functions.split_quaternions(unit, action, x, reference.x, reference.previous, parts)
    mask = b""
    if jumps:
        task.action = task.action.copy()
        task.action[:] = action
        mask = put_mask((before != task.action).tolist())
    mode = pick_mode(coder, task, parts.x, parts.reference, parts.previous)
    frame = frame_of(coder, task, parts.x, temporal_base(coder, mode, parts.reference, parts.previous))
    dropped = [int(parts.dropped[i]) & 3 for i in (task.action == INTRA).nonzero()[0]]
    return mode, mask, put_dropped(dropped) + encode_frame(coder, task, frame), _result(coder, task, frame, parts)


def decode(coder: SetCoder, task: Task, mode: int, data: bytes, at: int, end: int) -> Result:
    """Return the quaternions of a block and the adaptive state after it."""
    parts, reference = _components(coder), task.reference
    intra = (task.action == INTRA).nonzero()[0]
    dropped, at = get_dropped(len(intra), data, at, end)
    for landmark, component in zip(intra, dropped, strict=True):
        parts.dropped[landmark] = component
    coder.kernel.functions.split_references(coder.kernel.array(task.action), reference.x, reference.previous, parts)
    frame = frame_of(coder, task, parts.x, temporal_base(coder, mode, parts.reference, parts.previous))
    decode_frame(coder, task, frame, coder.spec.landmarks, data, at, end)
    return _result(coder, task, frame, parts)


def _components(coder: SetCoder) -> Components:
    zeros, size = coder.kernel.zeros, coder.coded_size
    return Components(zeros(size), zeros(size), zeros(size), zeros(coder.spec.landmarks))


def _unit(coder: SetCoder, task: Task) -> int:
    """1.0 on the grid of the task."""
    return 1 << (coder.spec.bits[0] - task.reference.coarse)


def _result(coder: SetCoder, task: Task, frame: Frame, parts: Components) -> Result:
    x = coder.kernel.zeros(coder.size)
    coder.kernel.functions.join_quaternions(_unit(coder, task), frame.action, parts, task.reference.x, x)
    return Result(x, frame.new_scale, frame.new_weight)


def put_dropped(dropped: list[int]) -> bytes:
    """Two bits for each component, low bits first."""
    out = bytearray((len(dropped) + 3) // 4)
    for number, component in enumerate(dropped):
        out[number >> 2] |= component << 2 * (number & 3)
    return bytes(out)


def get_dropped(count: int, data: bytes, at: int, end: int) -> tuple[list[int], int]:
    """Return ``count`` components of two bits each, and the position after them. Raises ``PoseError`` when cut."""
    size = (count + 3) // 4
    if at + size > end:
        raise PoseError("dropped components are cut")
    return [data[at + (number >> 2)] >> 2 * (number & 3) & 3 for number in range(count)], at + size
