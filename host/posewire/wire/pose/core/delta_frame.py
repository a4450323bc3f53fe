"""The usual frame in one call: every landmark is there, and coded against the reference frame.

The model comes as a plain tuple: numba takes a named one from Python more slowly, by a tenth of such a frame.
"""

from __future__ import annotations

from typing import Any

from posewire.wire.pose.core.entropy_encoder import encode_entropy
from posewire.wire.pose.core.model import BASE, Frame, Integers, Model
from posewire.wire.pose.core.prediction import choose_mode, extrapolate
from posewire.wire.pose.core.residual_decoder import decode_residuals
from posewire.wire.pose.core.residual_encoder import encode_residuals


def encode_delta_frame(
    model_fields: tuple[Any, ...],
    reference: Integers,
    previous: Integers,
    scale: Integers,
    weight: Integers,
    x: Integers,
    new_scale: Integers,
    new_weight: Integers,
    out: Integers,
) -> tuple[int, int]:
    """Encode ``x`` against ``reference`` and the frame before it, into the end of ``out``.

    ``scale``, ``weight``: the adaptive state of the reference frame; ``new_scale``, ``new_weight``: after this frame
    (written). Returns the temporal mode and where in ``out`` the bytes start.
    """
    model = Model(*model_fields)
    base, action = model.scratch[BASE], model.all_delta
    mode = choose_mode(model, action, x, reference, previous)
    extrapolate(reference, previous, mode, model.landmarks * model.channels, base)
    frame = Frame(action, False, action, x, base, scale, weight, new_scale, new_weight)
    return mode, encode_entropy(model, encode_residuals(model, frame), out, len(out))


def decode_delta_frame(
    model_fields: tuple[Any, ...],
    mode: int,
    reference: Integers,
    previous: Integers,
    scale: Integers,
    weight: Integers,
    x: Integers,
    new_scale: Integers,
    new_weight: Integers,
    data: Any,
    at: int,
    end: int,
) -> bool:
    """Decode ``data[at:end]`` into ``x``, ``new_scale`` and ``new_weight``; False where it is not an encoder's."""
    model = Model(*model_fields)
    base, action = model.scratch[BASE], model.all_delta
    extrapolate(reference, previous, mode, model.landmarks * model.channels, base)
    frame = Frame(action, False, action, x, base, scale, weight, new_scale, new_weight)
    return decode_residuals(model, frame, model.landmarks, data, at, end)
