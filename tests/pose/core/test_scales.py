"""Another coarse level, and gains."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posewire.wire.pose import landmark_set
from posewire.wire.pose.core.model import SCALE
from posewire.wire.pose.core.scales import apply_gains, best_gain, rescale, rescale_scales
from posewire.wire.pose.kernel import ListKernel
from posewire.wire.pose.packet import UNIT_GAIN
from posewire.wire.pose.set_coder import SetCoder

INTEGERS = st.lists(st.integers(-32768, 32767), min_size=1, max_size=20)
SCALES = st.lists(st.integers(2, 32767), min_size=1, max_size=20)


@given(values=INTEGERS, by=st.integers(1, 7))
def test_a_coarser_grid_is_at_most_half_a_step_away(values: list[int], by: int) -> None:
    out = [0] * len(values)
    rescale(values, by, len(values), out)
    assert all(abs((coarse << by) - value) <= 1 << (by - 1) for coarse, value in zip(out, values, strict=True))


@given(values=INTEGERS, by=st.integers(1, 7))
def test_a_finer_grid_is_exact_or_at_the_limit(values: list[int], by: int) -> None:
    out = [0] * len(values)
    rescale(values, -by, len(values), out)
    assert out == [max(-32768, min(32767, value << by)) for value in values]


@given(values=SCALES, by=st.integers(-7, 7))
def test_scales_keep_their_limits(values: list[int], by: int) -> None:
    out = [0] * len(values)
    rescale_scales(values, by, len(values), out)
    assert all(2 <= scale <= 32767 for scale in out)


@given(scales=SCALES, gain=st.integers(0, 47))
def test_gains_stay_in_the_limits_and_32_is_one(scales: list[int], gain: int) -> None:
    out = [0] * len(scales)
    apply_gains(scales, [UNIT_GAIN], len(scales), 1, out)
    assert out == scales
    apply_gains(scales, [gain], len(scales), 1, out)
    exact = [scale * 2.0 ** ((gain >> 2) - 8) * (4 + (gain & 3)) / 4 for scale in scales]
    assert all(abs(got - max(2, min(32767, want))) < 1 for got, want in zip(out, exact, strict=True))


@given(scales=st.lists(st.integers(64, 4000), min_size=1, max_size=20), gain=st.integers(24, 44))
def test_the_gain_of_scales_that_have_moved_is_found(scales: list[int], gain: int) -> None:
    moved = [scale * (4 + (gain & 3)) * 2 ** (gain >> 2) // 1024 for scale in scales]
    found = best_gain(moved, scales, len(scales), 1, 0)
    assert found in (gain - 1, gain)


def test_a_set_that_starts_anew_starts_near_the_scales_that_it_had() -> None:
    coder = SetCoder(landmark_set("body33"), ListKernel())
    state = coder.empty(2, coder.unit_gains)
    state.scale = [4 * scale for scale in state.scale]
    gains = coder.gains_after(state)
    assert gains == (40,) * 4  # two octaves up
    start = coder.model(2, gains).start[SCALE]
    assert sum(start) == sum(state.scale)
