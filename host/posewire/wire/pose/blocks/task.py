"""How a block codes each landmark, and the state that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from posewire.wire.pose.core.model import DELTA, INTRA, ORDER_WIDTH, SKIP, Frame, Integers, Model
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.set_state import SetState


class Refresh(NamedTuple):
    """Landmarks, in coding order, that are coded without the reference: the first one, and how many."""

    first: int = 0
    length: int = 0


NO_REFRESH = Refresh()


@dataclass(slots=True)
class Task:
    """One set of one packet.

    ``reference``: the set in the reference frame, on the packet's grid; empty where the set starts anew (``fresh``).
    ``action``: an int64 array, for each landmark ``SKIP``, ``DELTA`` or ``INTRA``.
    """

    reference: SetState
    gains: tuple[int, ...]
    model: Model
    fresh: bool
    action: Any


class Result(NamedTuple):
    """The integers of a block's landmarks, and the adaptive state after them."""

    x: Integers
    scale: Integers
    weight: Integers


def plan(
    coder: SetCoder,
    reference: SetState,
    gains: tuple[int, ...] | None,
    present: list[bool] | None,
    fresh: bool,
    refresh: Refresh,
) -> Task:
    """Decide for each landmark whether it is skipped, coded against the reference, or coded without it (section 4)."""
    used = gains or reference.gains
    action = np.where(np.asarray(reference.valid) != 0, DELTA, INTRA)
    model = coder.model(reference.coarse, used)
    if refresh.length:
        action[coding_order(model)[refresh.first : refresh.first + refresh.length]] = INTRA
    if present is not None:
        action[~np.array(present)] = SKIP
    return Task(reference, used, model, fresh, action)


def coding_order(model: Model) -> Any:
    """The landmarks in coding order, as an array."""
    return np.asarray(model.order[::ORDER_WIDTH]) // model.channels


def frame_of(coder: SetCoder, task: Task, x: Integers, base: Integers) -> Frame:
    """The core's frame of a task, with memory for the state after it."""
    return Frame(
        action=coder.kernel.array(task.action),
        any_intra=bool((task.action == INTRA).any()),
        valid=task.reference.valid,
        x=x,
        base=base,
        scale=task.reference.scale,
        weight=task.reference.weight,
        new_scale=coder.kernel.zeros(coder.coded_size),
        new_weight=coder.kernel.zeros(coder.coded_size),
    )


def state_after(coder: SetCoder, task: Task, result: Result) -> SetState:
    """The state once the frame is known: missing landmarks keep their integers, intra ones have no momentum."""
    reference, spec, array = task.reference, coder.spec, coder.kernel.array
    x, previous, valid, complete = result.x, reference.x, reference.valid, reference.complete
    if (task.action != DELTA).any():
        there = task.action != SKIP
        before = np.asarray(reference.x)
        held = np.where(np.repeat(there, spec.channels), np.asarray(x), before)
        previous = array(np.where(np.repeat(task.action == INTRA, spec.channels), held, before))
        x, valid, complete = array(held), array(there.astype(np.int64)), bool(there.all())
    return SetState(
        spec,
        reference.coarse,
        valid,
        x,
        previous,
        result.scale,
        result.weight,
        task.gains,
        complete,
        reference.known,
    )
