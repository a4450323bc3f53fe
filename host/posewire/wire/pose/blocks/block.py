"""Blocks of key, delta and restart packets: the optional parts, and the right code for the kind of block."""

from __future__ import annotations

import numpy as np

from posewire.errors import PoseError
from posewire.wire.pose import packet
from posewire.wire.pose.blocks import delta_block, landmark_block, quaternion_block
from posewire.wire.pose.blocks.task import NO_REFRESH, Refresh, coding_order, plan, state_after
from posewire.wire.pose.core.model import DELTA, INTRA, SKIP, Integers
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.set_state import SetState
from posewire.wire.pose.sets import LandmarkSet


def encode_block(
    coder: SetCoder,
    x: Integers,
    present: list[bool] | None,
    reference: SetState | None,
    coarse: int,
    gains: tuple[int, ...] | None,
    refresh: Refresh = NO_REFRESH,
) -> tuple[int, bytes, SetState]:
    """Encode the integers ``x`` of one set (kernel's form, grid of ``coarse``): flags, body, and the state after them.

    ``present``: the landmarks that are there, None for all. ``reference``: the set in the reference frame, None where
    it starts anew. ``gains``: declare the set again, with these; None: go on with the reference's.
    """
    spec = coder.spec
    if (
        reference is not None
        and reference.complete
        and reference.coarse == coarse
        and present is None
        and gains is None
        and not refresh.length
        and not coder.is_quaternion
    ):
        mode, body, state = delta_block.encode(coder, x, reference)
        return mode | coarse << packet.COARSE_SHIFT, body, state
    fresh = reference is None
    if reference is None:
        gains = gains or coder.unit_gains
        reference = coder.empty(coarse, gains)
    task = plan(coder, coder.at_level(reference, coarse), gains, present, fresh, refresh)
    intra_mask = b""
    if coder.is_quaternion:
        mode, intra_mask, tail, result = quaternion_block.encode(coder, x, task)
    else:
        mode, tail, result = landmark_block.encode(coder, x, task)
    flags = (packet.MODE_INTRA if fresh else mode) | coarse << packet.COARSE_SHIFT
    body = b"" if gains is None else packet.put_descriptor(spec) + bytes(gains)
    if present is not None:
        flags |= packet.HAS_MASK
        body += packet.put_mask(present)
    if refresh.length:
        flags |= packet.HAS_REFRESH
        body += packet.put_varint(refresh.first) + packet.put_varint(refresh.length)
    if intra_mask:
        flags |= packet.HAS_INTRA_MASK
        body += intra_mask
    return flags, body + tail, state_after(coder, task, result)


def decode_block(
    coder: SetCoder,
    data: bytes,
    flags: int,
    at: int,
    end: int,
    reference: SetState | None,
    gains: tuple[int, ...] | None,
    cold: bool,
) -> SetState:
    """Decode ``data[at:end]``, the block's body after descriptor and ``gains`` (None without them).

    ``cold``: a join without a key; what does not follow from the landmarks renewed so far is not decoded. Raises
    ``PoseError`` for anything that an encoder would not have written.
    """
    mode, coarse = flags & packet.MODE_INTRA, packet.coarse_of(flags)
    if (
        reference is not None
        and reference.complete
        and reference.coarse == coarse
        and reference.is_known
        and flags < packet.HAS_MASK
        and mode != packet.MODE_INTRA
        and gains is None
        and not coder.is_quaternion
    ):
        return delta_block.decode(coder, data, mode, at, end, reference)
    fresh = mode == packet.MODE_INTRA
    check_coarse(coder.spec, coarse)
    reference = _reference(coder, reference, coarse, gains, fresh, cold)
    present, refresh, at = _get_parts(coder.spec, flags, data, at, end)
    known = stop = _known_after(coder.spec, reference, refresh, fresh)
    task = plan(coder, reference, gains, present, fresh, refresh)
    if flags & packet.HAS_INTRA_MASK:
        mask, at = packet.get_mask(coder.spec.landmarks, data, at, end)
        task.action[np.array(mask) & (task.action == DELTA)] = INTRA
    if coder.is_quaternion:
        if stop < coder.spec.landmarks:
            raise PoseError("quaternions cannot be refreshed")
        result = quaternion_block.decode(coder, task, mode, data, at, end)
    else:
        result = landmark_block.decode(coder, task, mode, stop, data, at, end)
        task.action[coding_order(task.model)[stop:]] = SKIP
    state = state_after(coder, task, result)
    state.known = known
    return state


def check_coarse(spec: LandmarkSet, coarse: int) -> None:
    """Raise ``PoseError`` where quaternions would have a step above 2^-4."""
    if spec.is_quaternion and coarse > spec.bits[0] - 4:
        raise PoseError("the block is coarser than its set can be")


def _reference(
    coder: SetCoder, reference: SetState | None, coarse: int, gains: tuple[int, ...] | None, fresh: bool, cold: bool
) -> SetState:
    """The state to decode against, on the block's grid."""
    if reference is None and not (fresh or cold):
        raise PoseError("a set continues that is not in the reference")
    if reference is not None and not fresh:
        return coder.at_level(reference, coarse)
    empty = coder.empty(coarse, gains or coder.unit_gains)
    if cold:
        empty.known = 0
    return empty


def _get_parts(spec: LandmarkSet, flags: int, data: bytes, at: int, end: int) -> tuple[list[bool] | None, Refresh, int]:
    """The presence mask (None: all landmarks are there), the refresh, and the position after them."""
    present: list[bool] | None = None
    refresh = NO_REFRESH
    if flags & packet.HAS_MASK:
        present, at = packet.get_mask(spec.landmarks, data, at, end)
    if flags & packet.HAS_REFRESH:
        first, at = packet.get_varint(data, at, end)
        count, at = packet.get_varint(data, at, end)
        if first + count > spec.landmarks:
            raise PoseError("a refresh goes beyond the last landmark")
        refresh = Refresh(first, count)
    return present, refresh, at


def _known_after(spec: LandmarkSet, reference: SetState, refresh: Refresh, fresh: bool) -> int:
    """How many landmarks, in coding order, a decoder knows once it has this block."""
    if fresh or reference.is_known:
        return spec.landmarks
    joins = refresh.length and refresh.first == reference.known
    return reference.known + (refresh.length if joins else 0)
