"""Snapshot blocks: the whole state of a set as four planes of integers, each an entropy-coded stream (section 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from posewire.errors import PoseError
from posewire.wire.pose import packet
from posewire.wire.pose.blocks.block import check_coarse
from posewire.wire.pose.core.model import (
    DELTA,
    INTRA,
    INTRA_SCALE,
    MAX_SCALE,
    SCALE,
    SKIP,
    TEMPLATE,
    WEIGHT,
    Frame,
    Integers,
    Model,
)
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.set_state import SetState
from posewire.wire.pose.trained.start_values import index_order

PLANE_WEIGHT = 64
WEIGHT_SCALE = 128  # scale of the plane of weights
MAX_WEIGHT = 80


@dataclass(slots=True)
class Planes:
    """The four planes: integers of the frame, of the frame before, scales, weights."""

    x: Integers
    previous: Integers
    scale: Integers
    weight: Integers


def encode(coder: SetCoder, state: SetState) -> tuple[int, bytes]:
    """Return flags and body of a state."""
    body = packet.put_descriptor(coder.spec) + bytes(state.gains) + packet.put_mask([bool(v) for v in state.valid])
    functions, end = coder.kernel.functions, len(coder.out)
    for model, frame in _frames(
        coder, state.coarse, state.gains, state.valid, Planes(state.x, state.previous, state.scale, state.weight)
    ):
        coded = functions.encode_residuals(model, frame)
        start = functions.encode_entropy(model, coded, coder.out, end)
        body += packet.put_varint(end - start) + bytes(coder.out_bytes[start:])
    return state.coarse << packet.COARSE_SHIFT | packet.MODE_INTRA | packet.HAS_MASK, body


def decode(coder: SetCoder, data: bytes, flags: int, at: int, end: int, gains: tuple[int, ...]) -> SetState:
    """Return the state in ``data[at:end]``, the body after descriptor and ``gains``. Raises ``PoseError``."""
    coarse, array = packet.coarse_of(flags), coder.kernel.array
    check_coarse(coder.spec, coarse)
    there, at = packet.get_mask(coder.spec.landmarks, data, at, end)
    valid = array([int(v) for v in there])
    start = coder.model(coarse, gains).start
    zeros = coder.kernel.zeros
    planes = Planes(zeros(coder.size), zeros(coder.size), array(start[SCALE]), array(start[WEIGHT]))
    for model, frame in _frames(coder, coarse, gains, valid, planes):
        size, at = packet.get_varint(data, at, end)
        decode_residuals = coder.kernel.functions.decode_residuals
        if at + size > end or not decode_residuals(model, frame, model.landmarks, data, at, at + size):
            raise PoseError("a plane of the snapshot does not end where it must")
        at += size
    if at != end:
        raise PoseError("bytes follow the snapshot")
    for scale, weight in zip(planes.scale, planes.weight, strict=True):
        if not 2 <= scale <= MAX_SCALE or not 0 <= weight <= MAX_WEIGHT:
            raise PoseError("a state is out of range")
    return SetState(
        coder.spec, coarse, valid, planes.x, planes.previous, planes.scale, planes.weight, gains, all(there)
    )


def _frames(
    coder: SetCoder, coarse: int, gains: tuple[int, ...], valid: Integers, planes: Planes
) -> Iterator[tuple[Model, Frame]]:
    """Yield each plane as a frame of its own, with the model that codes it."""
    array, zeros, rows = coder.kernel.array, coder.kernel.zeros, coder.kernel.rows
    there = np.asarray(valid) != 0
    intra, delta = array(np.where(there, INTRA, SKIP)), array(np.where(there, DELTA, SKIP))
    positions, scales = _models(coder, coarse, gains)
    start = scales.start
    x_start = _position_starts(coder, start)
    high = [min(int(value) * 8, MAX_SCALE) for value in start[SCALE]]
    for values, base, action, model, (template, intra_scale, scale) in (
        (planes.x, planes.x, intra, positions, (x_start[0], x_start[1], x_start[1])),
        (planes.previous, planes.x, delta, positions, x_start),
        (planes.scale, planes.scale, intra, scales, (start[SCALE], high, high)),
        (planes.weight, planes.weight, intra, scales, (start[WEIGHT], *[[WEIGHT_SCALE] * len(high)] * 2)),
    ):
        size = len(values)
        plane = model._replace(start=rows((template, intra_scale, scale, [PLANE_WEIGHT] * size)))
        state = plane.start[SCALE], plane.start[WEIGHT]
        yield plane, Frame(action, True, valid, values, base, *state, zeros(size), zeros(size))


def _models(coder: SetCoder, coarse: int, gains: tuple[int, ...]) -> tuple[Model, Model]:
    """The models of the planes of integers (quaternions: all four components) and of scales and weights."""
    spec, array = coder.spec, coder.kernel.array
    model = coder.model(coarse, gains)
    scales = model._replace(order=array(index_order(spec.landmarks, spec.coded_channels)))
    if not spec.is_quaternion:
        return model, scales
    return model._replace(channels=spec.channels, order=array(index_order(spec.landmarks, spec.channels))), scales


def _position_starts(coder: SetCoder, start: Integers) -> tuple[Integers, Integers, Integers]:
    """Template, intra scale and scale of the planes of integers; quaternions take the first value for all."""
    if not coder.is_quaternion:
        return start[TEMPLATE], start[INTRA_SCALE], start[SCALE]
    return [0] * coder.size, [start[INTRA_SCALE][0]] * coder.size, [start[SCALE][0]] * coder.size
