"""Blocks of one set: usual ones, masks, refreshes, joins without a key, quaternions, snapshots."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewire.errors import PoseError
from posewire.wire.pose import packet
from posewire.wire.pose.blocks import snapshot_block
from posewire.wire.pose.blocks.block import check_coarse, decode_block, encode_block
from posewire.wire.pose.blocks.task import NO_REFRESH, Refresh, coding_order, plan
from posewire.wire.pose.core.model import DELTA, INTRA, SKIP
from posewire.wire.pose.kernel import ListKernel
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.set_state import SetState
from posewire.wire.pose.sets import custom_set, landmark_set

SPEC = custom_set(6, (4, 4), (-1, 0, 0, 1, 3, -1))
MASKS = st.none() | st.lists(st.booleans(), min_size=6, max_size=6).filter(any)


def integers(seed: int, size: int = SPEC.size) -> list[int]:
    return [int(v) for v in np.random.default_rng(seed).integers(-500, 500, size)]


def same(a: SetState, b: SetState) -> bool:
    """Whether two states agree in everything but the integers of missing landmarks, which nothing follows from."""
    there = np.repeat(~a.missing, a.spec.channels)
    for field in fields(SetState):
        x, y = getattr(a, field.name), getattr(b, field.name)
        if field.name in ("x", "previous"):
            x, y = np.asarray(x)[there], np.asarray(y)[there]
        if field.name != "known" and not np.array_equal(x, y):
            return False
    return a.is_known == b.is_known


def decoded(coder: SetCoder, flags: int, body: bytes, reference: SetState | None, cold: bool = False) -> SetState:
    """What a receiver makes of a body; it reads descriptor and gains where a sender has written them."""
    at, gains = 0, None
    if flags & 3 == packet.MODE_INTRA:
        spec, at = packet.get_descriptor(coder.spec.id, body, 0, len(body))
        gains, at = packet.get_gains(spec, body, at, len(body))
    return decode_block(coder, body, flags, at, len(body), reference, gains, cold)


@settings(max_examples=60, deadline=None)
@given(
    seeds=st.tuples(st.integers(0, 9), st.integers(10, 19)),
    masks=st.tuples(MASKS, MASKS),
    levels=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    refresh=st.sampled_from([NO_REFRESH, Refresh(0, 2), Refresh(4, 2)]),
)
def test_both_sides_come_to_the_same_state(
    seeds: tuple[int, int],
    masks: tuple[list[bool] | None, list[bool] | None],
    levels: tuple[int, int],
    refresh: Refresh,
) -> None:
    sender, receiver = SetCoder(SPEC, ListKernel()), SetCoder(SPEC, ListKernel())
    flags, body, state = encode_block(sender, integers(seeds[0]), masks[0], None, levels[0], None)
    assert flags & 3 == packet.MODE_INTRA
    assert packet.coarse_of(flags) == levels[0]
    got = decoded(receiver, flags, body, None)
    assert same(got, state)
    x = integers(seeds[1])
    flags, body, after = encode_block(sender, x, masks[1], state, levels[1], None, refresh)
    got = decoded(receiver, flags, body, got)
    assert same(got, after)
    there = np.repeat(masks[1] if masks[1] is not None else [True] * 6, 2)
    assert np.array_equal(np.array(got.x)[there], np.array(x)[there])


def test_the_usual_block_has_no_optional_part() -> None:
    coder = SetCoder(SPEC, ListKernel())
    _, _, state = encode_block(coder, integers(1), None, None, 0, None)
    flags, body, after = encode_block(coder, integers(2), None, state, 0, None)
    assert flags < packet.HAS_MASK
    assert same(decoded(coder, flags, body, state), after)
    for wrong in (body[:-1], body + b"\x00"):
        with pytest.raises(PoseError, match="does not end where it must"):
            decoded(coder, flags, wrong, state)


def test_missing_landmarks_keep_their_integers_and_come_back_anew() -> None:
    coder = SetCoder(SPEC, ListKernel())
    _, _, state = encode_block(coder, integers(1), None, None, 0, None)
    _, _, without = encode_block(coder, integers(2), [False, *[True] * 5], state, 0, None)
    assert list(without.x)[:2] == integers(1)[:2]
    assert without.missing.tolist() == [True, *[False] * 5]
    task = plan(coder, without, None, None, False, NO_REFRESH)
    assert task.action.tolist() == [INTRA, *[DELTA] * 5]


def test_a_plan_says_for_each_landmark_how_it_is_coded() -> None:
    coder = SetCoder(SPEC, ListKernel())
    _, _, state = encode_block(coder, integers(1), None, None, 0, None)
    present = [True] * 5 + [False]
    task = plan(coder, state, None, present, False, Refresh(1, 2))
    renewed = set(coding_order(task.model)[1:3].tolist())
    assert [how == INTRA for how in task.action[:5]] == [landmark in renewed for landmark in range(5)]
    assert task.action[5] == SKIP


def test_who_joins_without_a_key_knows_what_was_renewed() -> None:
    sender, receiver = SetCoder(SPEC, ListKernel()), SetCoder(SPEC, ListKernel())
    _, _, state = encode_block(sender, integers(1), None, None, 0, None)
    joining: SetState | None = None
    for number, window in enumerate((Refresh(0, 4), Refresh(4, 2))):  # contexts follow from the first four landmarks
        flags, body, state = encode_block(
            sender, integers(5 + number), None, state, 0, sender.unit_gains if number == 0 else None, window
        )
        at, gains = 0, None
        if number == 0:
            spec, at = packet.get_descriptor(SPEC.id, body, 0, len(body))
            gains, at = packet.get_gains(spec, body, at, len(body))
        joining = decode_block(receiver, body, flags, at, len(body), joining, gains, cold=number == 0)
        assert joining.known == window.first + window.length
    assert joining is not None
    assert joining.is_known
    assert list(joining.x) == list(state.x)


def test_parts_that_no_encoder_writes_are_refused() -> None:
    coder = SetCoder(SPEC, ListKernel())
    _, _, state = encode_block(coder, integers(1), None, None, 0, None)
    for flags, body, message in (
        (packet.HAS_REFRESH, b"\x05\x02", "beyond the last landmark"),
        (packet.HAS_REFRESH, b"\x05", "does not end"),
        (packet.HAS_MASK, b"", "a mask is cut"),
    ):
        with pytest.raises(PoseError, match=message):
            decoded(coder, flags, body, state)
    with pytest.raises(PoseError, match="not in the reference"):
        decode_block(coder, b"", 0, 0, 0, None, None, cold=False)


def rotations(seed: int) -> list[int]:
    q = np.random.default_rng(seed).normal(size=(5, 4))
    return [int(v) for v in np.rint(4096 * q / np.linalg.norm(q, axis=1, keepdims=True)).reshape(-1)]


def test_quaternions_that_jump_are_coded_anew_within_a_delta() -> None:
    spec = landmark_set("quat5")
    sender, receiver = SetCoder(spec, ListKernel()), SetCoder(spec, ListKernel())
    flags, body, state = encode_block(sender, rotations(1), None, None, 0, None)
    got = decoded(receiver, flags, body, None)
    assert same(got, state)
    jumped = list(rotations(1))
    jumped[:4] = rotations(2)[4:8]
    flags, body, state = encode_block(sender, jumped, None, state, 0, None)
    assert flags & packet.HAS_INTRA_MASK
    assert packet.get_mask(5, body, 0, len(body))[0] == [True, *[False] * 4]
    assert same(decoded(receiver, flags, body, got), state)


def test_quaternions_have_a_coarsest_step() -> None:
    spec = landmark_set("quat5")
    check_coarse(spec, 8)
    check_coarse(SPEC, 15)
    with pytest.raises(PoseError, match="coarser"):
        check_coarse(spec, 9)


@pytest.mark.parametrize("spec", [SPEC, landmark_set("quat5"), landmark_set("hand21")], ids=lambda spec: spec.name)
def test_a_snapshot_is_the_whole_state(spec: Any) -> None:
    sender, receiver = SetCoder(spec, ListKernel()), SetCoder(spec, ListKernel())
    first, second = (rotations(1), rotations(2)) if spec.is_quaternion else (integers(n, spec.size) for n in (1, 2))
    present = [True] * (spec.landmarks - 1) + [False]
    _, _, state = encode_block(sender, first, None, None, 1, None)
    _, _, state = encode_block(sender, second, present, state, 1, None)
    flags, body = snapshot_block.encode(sender, state)
    found, at = packet.get_descriptor(spec.id, body, 0, len(body))
    assert found == spec
    gains, at = packet.get_gains(spec, body, at, len(body))
    got = snapshot_block.decode(receiver, body, flags, at, len(body), gains)
    assert same(got, state)
    for wrong, message in ((body[:-1], "does not end where it must"), (body + b"\x00", "bytes follow")):
        with pytest.raises(PoseError, match=message):
            snapshot_block.decode(receiver, wrong, flags, at, len(wrong), gains)
