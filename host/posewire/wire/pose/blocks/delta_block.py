"""The usual block: every landmark is there, coded against a complete reference frame, nothing declared anew."""

from __future__ import annotations

from posewire.errors import PoseError
from posewire.wire.pose.core.model import Integers
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.set_state import SetState


def encode(coder: SetCoder, x: Integers, reference: SetState) -> tuple[int, bytes, SetState]:
    """Return the temporal mode, the block's body, and the state after it."""
    scale, weight = coder.kernel.new_values(coder.coded_size)[1:]
    mode, start = coder.kernel.functions.encode_delta_frame(
        coder.model_fields(reference.coarse, reference.gains),
        reference.x,
        reference.previous,
        reference.scale,
        reference.weight,
        x,
        scale,
        weight,
        coder.out,
    )
    coder.coded, coder.payload = coder.coded_size, len(coder.out) - start
    return mode, bytes(coder.out_bytes[start:]), _after(reference, x, scale, weight)


def decode(coder: SetCoder, data: bytes, mode: int, at: int, end: int, reference: SetState) -> SetState:
    """Return the state after ``data[at:end]``. Raises ``PoseError`` for anything an encoder would not have written."""
    x, scale, weight = coder.kernel.new_values(coder.coded_size)
    if not coder.kernel.functions.decode_delta_frame(
        coder.model_fields(reference.coarse, reference.gains),
        mode,
        reference.x,
        reference.previous,
        reference.scale,
        reference.weight,
        x,
        scale,
        weight,
        data,
        at,
        end,
    ):
        raise PoseError("the entropy-coded part does not end where it must")
    return _after(reference, x, scale, weight)


def _after(reference: SetState, x: Integers, scale: Integers, weight: Integers) -> SetState:
    return SetState(
        reference.spec,
        reference.coarse,
        reference.valid,
        x,
        reference.x,
        scale,
        weight,
        reference.gains,
        True,
        reference.known,
    )
