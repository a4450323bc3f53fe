"""The fast paths of the host against ``core``, the reference, run on plain lists: the same bytes, the same state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewire.wire.pose import core, custom_set, landmark_set, plain
from posewire.wire.pose.kernel import CompiledKernel, PlainKernel
from posewire.wire.pose.sets import buckets, cumulative, plan_of, symbol_lookup, symbol_tables

SETS = [
    landmark_set("body33"),
    landmark_set("hands42"),
    landmark_set("face478"),
    custom_set(5, (4, 4), (-1, 0, 1, 0, 2)),
    custom_set(1, (0,)),
]
# with the positions of the arguments that they write
reference_pack = plain.on_lists(core.pack, 11, 12, 17)
reference_unpack = plain.on_lists(core.unpack, 6, 12, 13)


def frame(spec: Any, rng: np.random.Generator, spread: int) -> tuple[list[Any], Any]:
    """What both directions take (reference, frame before it, start values, scales, weights) and a frame's integers."""
    n = spec.size
    p = plan_of(spec, 0)
    x1 = rng.integers(-32768, 32768, n) if spread > 1000 else rng.integers(-2000, 2000, n)
    x2 = np.clip(x1 + rng.integers(-spread, spread + 1, n), -32768, 32767)
    x = np.clip(x1 + rng.integers(-spread, spread + 1, n) * (rng.random(n) < 0.8), -32768, 32767)
    ema = rng.integers(2, 32768 if spread > 1000 else 900, n)
    return [x1, x2, np.array([p.tmpl, p.kema, p.pema, p.pw]), ema, rng.integers(0, 81, n)], x


@settings(max_examples=60, deadline=None)
@given(
    spec=st.sampled_from(SETS), seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([0, 1, 3, 20, 200, 2000, 40000])
)
@pytest.mark.parametrize("compiled", [False, True])
def test_a_usual_frame_is_the_same_as_the_references(compiled: bool, spec: Any, seed: int, spread: int) -> None:
    if compiled:
        pytest.importorskip("numba")
    kernel = CompiledKernel() if compiled else PlainKernel()
    state, x = frame(spec, np.random.default_rng(seed), spread)
    marks, channels, n = spec.landmarks, spec.channels, spec.size
    plan, group = plan_of(spec, 0).plan, symbol_tables(spec)
    todo, valid, end = np.full(marks, core.DELTA), np.ones(marks, np.int64), 6 * n + 16

    def room() -> tuple[Any, ...]:
        return np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros((5, n), np.int64), np.zeros((6, 9), np.int64)

    want, got = room(), room()
    out, out2 = np.zeros(end, np.int64), kernel.bytes_out(end)
    common = (marks, channels, todo, valid, x, *state)
    answer = reference_pack(np.array(plan), *common, *want, buckets(), cumulative(group), out, end)
    order = kernel.order(plan, marks, channels)
    assert kernel.f.pack(order, *common, *got, kernel.bucket, kernel.cum[group], out2, end) == answer
    start, mode = answer >> 2, answer & 3
    assert bytes(out2[start:]) == bytes(out[start:].tolist())
    for a, b in zip(want[:2], got[:2], strict=True):
        assert np.array_equal(a, b)

    packet = bytes(out[start:].tolist())
    for data in (packet, packet[:-1], packet + b"\0", bytes([packet[0] ^ 4]) + packet[1:]):
        x_want, x_got = np.zeros(n, np.int64), np.zeros(n, np.int64)
        common = (marks, channels, mode, todo, valid)
        tables = (buckets(), cumulative(group), symbol_lookup(group))
        good = reference_unpack(np.array(plan), *common, x_want, *state, *want, *tables, data, 0, len(data))
        answer = kernel.f.unpack(
            order,
            *common,
            x_got,
            *state,
            *got,
            kernel.bucket_in,
            kernel.cum[group],
            kernel.lut[group],
            data,
            0,
            len(data),
        )
        assert answer == good
        if good:
            assert np.array_equal(x_want, x_got)
            assert np.array_equal(want[0], got[0])
            assert np.array_equal(want[1], got[1])
