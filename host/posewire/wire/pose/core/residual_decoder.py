"""From bytes to integers and to the state after the frame: the inverse of both encoders."""

from __future__ import annotations

from typing import Any

from posewire.wire.pose.core.activity import start_activity, update_activity, update_interval
from posewire.wire.pose.core.entropy_decoder import INVALID, read_rice, read_symbol, refill
from posewire.wire.pose.core.model import (
    DELTA,
    DELTA_EXPECTED,
    DELTA_INNOVATION,
    DELTA_RATIO,
    DELTA_SEEN,
    INTRA_EXPECTED,
    INTRA_INNOVATION,
    INTRA_RATIO,
    INTRA_SCALE,
    INTRA_SEEN,
    ORDER_WIDTH,
    SKIP,
    TEMPLATE,
    Frame,
    Integers,
    Model,
)
from posewire.wire.pose.core.prediction import forget_landmark, predict


def decode_residuals(model: Model, frame: Frame, stop: int, data: Any, at: int, end: int) -> bool:
    """Decode ``data[at:end]`` into ``frame.x`` and the new adaptive state of the first ``stop`` landmarks.

    Returns whether all of it is as an encoder writes it; with a ``stop`` before the last landmark, the end is not read.
    """
    order, landmarks, channels, bucket = model.order, model.landmarks, model.channels, model.bucket
    cumulative, symbols = model.cumulative, model.symbols
    action, x, base, any_intra = frame.action, frame.x, frame.base, frame.any_intra
    scale, weight, new_scale, new_weight = frame.scale, frame.weight, frame.new_scale, frame.new_weight
    template, intra_scale = model.start[TEMPLATE], model.start[INTRA_SCALE]
    delta_innovation, intra_innovation = model.scratch[DELTA_INNOVATION], model.scratch[INTRA_INNOVATION]
    seen, expected, ratio = model.activity[DELTA_SEEN], model.activity[DELTA_EXPECTED], model.activity[DELTA_RATIO]
    intra_seen, intra_expected = model.activity[INTRA_SEEN], model.activity[INTRA_EXPECTED]
    intra_ratio = model.activity[INTRA_RATIO]
    start_activity(order, landmarks, channels, scale, seen, expected, ratio)
    start_activity(order, landmarks, channels, intra_scale, intra_seen, intra_expected, intra_ratio)
    interval = update_interval(landmarks)
    last = last_coded(order, landmarks, channels, action)
    state, at = refill(0, data, at, end)
    for position in range(stop):
        entry = ORDER_WIDTH * position
        first = order[entry]
        how = action[first // channels]
        if how == DELTA:
            single = order[entry + 1] == 1
            neighbour = order[entry + 2]
            for channel in range(channels):
                index = first + channel
                near = 0
                if single:
                    near = delta_innovation[neighbour + channel]
                    prediction = (weight[index] * near + 32) >> 6
                else:
                    prediction = predict(order, entry, channel, delta_innovation)
                current = scale[index]
                context = bucket[(current * ratio[channel]) >> 6]
                if position == last:
                    residual, state, at = read_rice(context, data, state, at, end)
                else:
                    residual, state, at = read_symbol(context, cumulative, symbols, data, state, at, end)
                if residual == INVALID:
                    return False
                innovation = ((residual + prediction + 32768) & 65535) - 32768
                delta_innovation[index] = innovation
                value = ((innovation + base[index] + 32768) & 65535) - 32768
                x[index] = value
                if any_intra:
                    intra_innovation[index] = ((value - template[index] + 32768) & 65535) - 32768
                size = (residual if residual >= 0 else -residual) << 4
                if size > 32767:
                    size = 32767
                seen[channel] += size
                expected[channel] += current
                current += (size - current + 4) >> 3
                new_scale[index] = current if current > 2 else 2
                turned = weight[index]
                if near != 0 and residual != 0:
                    turned += 2 if (residual > 0) == (near > 0) else -2
                    turned = 0 if turned < 0 else (80 if turned > 80 else turned)
                new_weight[index] = turned
        else:
            if how == SKIP:
                for index in range(first, first + channels):
                    delta_innovation[index] = 0
                    intra_innovation[index] = 0
            else:
                state, at = decode_intra_landmark(model, frame, entry, position == last, data, state, at, end)
                if at < 0:
                    return False
            forget_landmark(model, frame, first)
        if position & interval == interval:
            update_activity(seen, expected, ratio, channels)
            if any_intra:
                update_activity(intra_seen, intra_expected, intra_ratio, channels)
    return stop < landmarks or (state == 1 and at == end)


def decode_intra_landmark(
    model: Model, frame: Frame, entry: int, is_last: bool, data: Any, state: int, at: int, end: int
) -> tuple[int, int]:
    """Decode the landmark at ``order[entry]`` without the reference frame.

    Returns the entropy decoder's state and position; the position is -1 where the bytes are not an encoder's.
    """
    first = model.order[entry]
    delta_innovation, intra_innovation = model.scratch[DELTA_INNOVATION], model.scratch[INTRA_INNOVATION]
    held = frame.valid[first // model.channels] != 0
    for channel in range(model.channels):
        index = first + channel
        scale = model.start[INTRA_SCALE][index]
        context = model.bucket[(scale * model.activity[INTRA_RATIO][channel]) >> 6]
        if is_last:
            residual, state, at = read_rice(context, data, state, at, end)
        else:
            residual, state, at = read_symbol(context, model.cumulative, model.symbols, data, state, at, end)
        if residual == INVALID:
            return state, -1
        prediction = predict(model.order, entry, channel, intra_innovation)
        innovation = ((residual + prediction + 32768) & 65535) - 32768
        intra_innovation[index] = innovation
        value = ((innovation + model.start[TEMPLATE][index] + 32768) & 65535) - 32768
        frame.x[index] = value
        model.activity[INTRA_SEEN][channel] += min(abs(residual) << 4, 32767)
        model.activity[INTRA_EXPECTED][channel] += scale
        step = ((value - frame.base[index] + 32768) & 65535) - 32768
        delta_innovation[index] = step if held else 0
    return state, at


def last_coded(order: Integers, landmarks: int, channels: int, action: Integers) -> int:
    """Return the position in coding order of the last landmark that is not skipped (0 where all are)."""
    last = landmarks - 1
    while last > 0 and action[order[ORDER_WIDTH * last] // channels] == SKIP:
        last -= 1
    return last
