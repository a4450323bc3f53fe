"""From integers to residuals and their contexts, and to the state after the frame (section 5)."""

from __future__ import annotations

from posewire.wire.pose.core.activity import start_activity, update_activity, update_interval
from posewire.wire.pose.core.model import (
    CONTEXT,
    DELTA,
    DELTA_EXPECTED,
    DELTA_INNOVATION,
    DELTA_RATIO,
    DELTA_SEEN,
    INTRA,
    INTRA_EXPECTED,
    INTRA_INNOVATION,
    INTRA_RATIO,
    INTRA_SCALE,
    INTRA_SEEN,
    ORDER_WIDTH,
    RESIDUAL,
    TEMPLATE,
    Frame,
    Model,
)
from posewire.wire.pose.core.prediction import forget_landmark, predict


def encode_residuals(model: Model, frame: Frame) -> int:
    """Write residuals and contexts into ``model.scratch`` and the adaptive state into ``frame``.

    Returns how many values are coded.
    """
    order, landmarks, channels, bucket = model.order, model.landmarks, model.channels, model.bucket
    action, x, base, any_intra = frame.action, frame.x, frame.base, frame.any_intra
    scale, weight, new_scale, new_weight = frame.scale, frame.weight, frame.new_scale, frame.new_weight
    template, intra_scale = model.start[TEMPLATE], model.start[INTRA_SCALE]
    delta_innovation, intra_innovation = model.scratch[DELTA_INNOVATION], model.scratch[INTRA_INNOVATION]
    residuals, contexts = model.scratch[RESIDUAL], model.scratch[CONTEXT]
    seen, expected, ratio = model.activity[DELTA_SEEN], model.activity[DELTA_EXPECTED], model.activity[DELTA_RATIO]
    intra_seen, intra_expected = model.activity[INTRA_SEEN], model.activity[INTRA_EXPECTED]
    intra_ratio = model.activity[INTRA_RATIO]
    start_activity(order, landmarks, channels, scale, seen, expected, ratio)
    start_activity(order, landmarks, channels, intra_scale, intra_seen, intra_expected, intra_ratio)
    interval = update_interval(landmarks)
    coded = 0
    for position in range(landmarks):
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
                innovation = ((x[index] - base[index] + 32768) & 65535) - 32768
                delta_innovation[index] = innovation
                if any_intra:
                    intra_innovation[index] = ((x[index] - template[index] + 32768) & 65535) - 32768
                residual = ((innovation - prediction + 32768) & 65535) - 32768
                current = scale[index]
                residuals[coded] = residual
                contexts[coded] = bucket[(current * ratio[channel]) >> 6]
                coded += 1
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
            if how == INTRA:
                encode_intra_landmark(model, frame, entry, coded)
                coded += channels
            else:
                for index in range(first, first + channels):
                    delta_innovation[index] = 0
                    intra_innovation[index] = 0
            forget_landmark(model, frame, first)
        if position & interval == interval:
            update_activity(seen, expected, ratio, channels)
            if any_intra:
                update_activity(intra_seen, intra_expected, intra_ratio, channels)
    return coded


def encode_intra_landmark(model: Model, frame: Frame, entry: int, coded: int) -> None:
    """Code the landmark at ``order[entry]`` without the reference frame, as the values from number ``coded`` on."""
    first = model.order[entry]
    delta_innovation, intra_innovation = model.scratch[DELTA_INNOVATION], model.scratch[INTRA_INNOVATION]
    held = frame.valid[first // model.channels] != 0
    for channel in range(model.channels):
        index = first + channel
        scale = model.start[INTRA_SCALE][index]
        prediction = predict(model.order, entry, channel, intra_innovation)
        innovation = ((frame.x[index] - model.start[TEMPLATE][index] + 32768) & 65535) - 32768
        intra_innovation[index] = innovation
        residual = ((innovation - prediction + 32768) & 65535) - 32768
        model.scratch[RESIDUAL][coded + channel] = residual
        model.scratch[CONTEXT][coded + channel] = model.bucket[(scale * model.activity[INTRA_RATIO][channel]) >> 6]
        model.activity[INTRA_SEEN][channel] += min(abs(residual) << 4, 32767)
        model.activity[INTRA_EXPECTED][channel] += scale
        step = ((frame.x[index] - frame.base[index] + 32768) & 65535) - 32768
        delta_innovation[index] = step if held else 0
