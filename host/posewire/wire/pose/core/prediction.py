"""Predictions: from the frames before (the temporal base), and from the landmarks coded before (section 5)."""

from __future__ import annotations

from posewire.wire.pose.core.model import DELTA, MODE_SUMS, ORDER_WIDTH, Frame, Integers, Model
from posewire.wire.pose.core.model import SCALE as START_SCALE
from posewire.wire.pose.core.model import WEIGHT as START_WEIGHT

SAMPLED = 16  # landmarks that the choice of a temporal mode looks at


def predict(order: Integers, entry: int, channel: int, innovation: Integers) -> int:
    """Return the mean innovation of the landmarks that predict the one at ``order[entry]``, rounded; 0 without any."""
    count = order[entry + 1]
    if count == 0:
        return 0
    total = innovation[order[entry + 2] + channel]
    if count == 1:
        return int(total)
    total += innovation[order[entry + 3] + channel]
    if count == 2:
        return int((total + 1) >> 1)
    total += innovation[order[entry + 4] + channel]
    return int((total * 10923 + 16384) >> 15)


def forget_landmark(model: Model, frame: Frame, first: int) -> None:
    """Set a landmark's adaptive state to its start values."""
    scale, weight = model.start[START_SCALE], model.start[START_WEIGHT]
    for index in range(first, first + model.channels):
        frame.new_scale[index] = scale[index]
        frame.new_weight[index] = weight[index]


def extrapolate(x: Integers, previous: Integers, mode: int, count: int, base: Integers) -> None:
    """Set the temporal base: hold (mode 0), or go on by half (1) or all (2) of the last step, modulo 2^16."""
    if mode == 0:
        for index in range(count):
            base[index] = x[index]
        return
    for index in range(count):
        current = x[index]
        step = current - previous[index]
        base[index] = ((current + (step >> 1 if mode == 1 else step) + 32768) & 65535) - 32768


def choose_mode(model: Model, action: Integers, x: Integers, reference: Integers, previous: Integers) -> int:
    """Return the temporal mode with the least innovation beside that of the predicting landmarks (section 11).

    Looks at 16 landmarks, evenly from the end of the coding order, where the fine detail is, and at three channels.
    """
    order, landmarks, channels = model.order, model.landmarks, model.channels
    sums = model.activity[MODE_SUMS]
    width = 3 if channels > 3 else channels
    for index in range(3 * width):
        sums[index] = 0
    stride = landmarks // SAMPLED if landmarks >= 2 * SAMPLED else 1
    position = landmarks - 1
    sampled = 0
    while position >= 0 and sampled < SAMPLED:
        entry = ORDER_WIDTH * position
        position -= stride
        sampled += 1
        first = order[entry]
        if action[first // channels] != DELTA:
            continue
        count = order[entry + 1]
        for channel in range(width):
            index = first + channel
            move = x[index] - reference[index]
            step = reference[index] - previous[index]
            if count == 1:
                index = order[entry + 2] + channel
                move -= x[index] - reference[index]
                step -= reference[index] - previous[index]
            elif count > 1:
                moves = 0
                steps = 0
                for place in range(entry + 2, entry + 2 + count):
                    index = order[place] + channel
                    moves += x[index] - reference[index]
                    steps += reference[index] - previous[index]
                move -= moves >> 1 if count == 2 else (moves * 85) >> 8
                step -= steps >> 1 if count == 2 else (steps * 85) >> 8
            sums[channel] += abs(move)
            sums[width + channel] += abs(move - (step >> 1))
            sums[2 * width + channel] += abs(move - step)
    return least_cost(sums, width)


def least_cost(sums: Integers, width: int) -> int:
    """Return the mode with the least of the ``sums``: modes 1 and 2 cost a sixteenth more, the first of equals wins."""
    best = 0
    least = 0
    for mode in range(3):
        cost = 0
        for channel in range(width):
            cost += (sums[mode * width + channel] << 6) // (sums[channel] + 1)
        if mode == 0:
            least = cost
        else:
            cost += cost >> 4
            if cost < least:
                least = cost
                best = mode
    return best
