"""A block of landmarks of which some are missing, or coded without the reference frame."""

from __future__ import annotations

from posewire.errors import PoseError
from posewire.wire.pose.blocks.task import Result, Task, frame_of
from posewire.wire.pose.core.model import SCALE, WEIGHT, Frame, Integers
from posewire.wire.pose.set_coder import SetCoder


def encode(coder: SetCoder, x: Integers, task: Task) -> tuple[int, bytes, Result]:
    """Return the temporal mode, the entropy-coded bytes and the state after them."""
    mode = pick_mode(coder, task, x, task.reference.x, task.reference.previous)
    frame = frame_of(coder, task, x, temporal_base(coder, mode, task.reference.x, task.reference.previous))
    return mode, encode_frame(coder, task, frame), Result(x, frame.new_scale, frame.new_weight)


def decode(coder: SetCoder, task: Task, mode: int, stop: int, data: bytes, at: int, end: int) -> Result:
    """Return the first ``stop`` landmarks in coding order; the others keep the reference's integers."""
    base = temporal_base(coder, mode, task.reference.x, task.reference.previous)
    frame = frame_of(coder, task, coder.kernel.array(task.reference.x), base)
    decode_frame(coder, task, frame, stop, data, at, end)
    return Result(frame.x, frame.new_scale, frame.new_weight)


def pick_mode(coder: SetCoder, task: Task, x: Integers, reference: Integers, previous: Integers) -> int:
    """Return the temporal mode to encode with; 0 where the set starts anew."""
    if task.fresh:
        return 0
    action = coder.kernel.array(task.action)
    return int(coder.kernel.functions.choose_mode(task.model, action, x, reference, previous))


def temporal_base(coder: SetCoder, mode: int, reference: Integers, previous: Integers) -> Integers:
    """Return what the reference frame and the one before it predict; mode 3 (starts anew) predicts nothing."""
    if mode not in (1, 2):
        return reference
    base = coder.kernel.zeros(coder.coded_size)
    coder.kernel.functions.extrapolate(reference, previous, mode, coder.coded_size, base)
    return base


def encode_frame(coder: SetCoder, task: Task, frame: Frame) -> bytes:
    """Return a frame's entropy-coded bytes."""
    functions, end = coder.kernel.functions, len(coder.out)
    coded = functions.encode_residuals(task.model, frame)
    start = functions.encode_entropy(task.model, coded, coder.out, end)
    coder.coded, coder.payload = coded, end - start
    return bytes(coder.out_bytes[start:])


def decode_frame(coder: SetCoder, task: Task, frame: Frame, stop: int, data: bytes, at: int, end: int) -> None:
    """Decode ``data[at:end]`` into ``frame``. Raises ``PoseError`` where it is not what an encoder writes."""
    start = task.model.start
    frame.new_scale[:], frame.new_weight[:] = start[SCALE], start[WEIGHT]  # of landmarks that are not decoded
    if not coder.kernel.functions.decode_residuals(task.model, frame, stop, data, at, end):
        raise PoseError("the entropy-coded part does not end where it must")
