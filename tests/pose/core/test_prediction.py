"""Predictions of the core: from the frames before, from other landmarks, and how much a frame moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.wire.pose.core.activity import start_activity, update_activity, update_interval
from posewire.wire.pose.core.model import DELTA, SKIP
from posewire.wire.pose.core.prediction import choose_mode, extrapolate, least_cost, predict
from posewire.wire.pose.kernel import ListKernel
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.sets import custom_set

SIXTEEN_BITS = st.integers(-32768, 32767)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, 0), (1, 10), (2, 16), (3, 7)],
    ids=["none", "itself", "mean of two, halves upwards", "mean of three"],
)
def test_a_landmark_is_predicted_by_the_mean_of_its_predictors(count: int, expected: int) -> None:
    assert predict([9, count, 0, 1, 2], 0, 0, [10, 21, -10]) == expected


@given(st.lists(st.tuples(SIXTEEN_BITS, SIXTEEN_BITS), min_size=1, max_size=8), st.sampled_from([0, 1, 2]))
def test_a_base_goes_on_by_none_half_or_all_of_the_last_step(frames: list[tuple[int, int]], mode: int) -> None:
    now, before = ([frame[number] for frame in frames] for number in (0, 1))
    base = [0] * len(frames)
    extrapolate(now, before, mode, len(frames), base)
    for value, current, previous in zip(base, now, before, strict=True):
        step = current - previous
        assert (value - current - (0, step >> 1, step)[mode]) % 65536 == 0
        assert -32768 <= value <= 32767


@pytest.mark.parametrize(("step", "mode"), [(0, 0), (20, 1), (40, 2)])
def test_the_mode_that_fits_the_motion_is_chosen(step: int, mode: int) -> None:
    coder = SetCoder(custom_set(8, (4, 4)), ListKernel())
    model = coder.model(0, coder.unit_gains)
    previous = [100] * 16
    reference = [140] * 16
    x = [140 + step] * 16
    assert choose_mode(model, [DELTA] * 8, x, reference, previous) == mode
    wild = [*x[:2], *[9000] * 14]
    assert choose_mode(model, [DELTA] + [SKIP] * 7, wild, reference, previous) == mode, "skipped ones do not count"


def test_the_first_of_equal_modes_wins() -> None:
    assert least_cost([0, 0, 0], 1) == 0
    assert least_cost([100, 50, 50], 1) == 1
    assert least_cost([100, 97, 97], 1) == 0, "a little less is not enough: modes 1 and 2 cost more"


def test_activity_begins_as_if_all_were_as_expected() -> None:
    seen, expected, ratio = [0] * 2, [0] * 2, [0] * 2
    order = [0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 8, 0, 0, 0, 0]
    start_activity(order, 5, 2, [1, 10, 2, 20, 3, 30, 4, 40, 500, 500], seen, expected, ratio)
    assert (seen, expected, ratio) == ([10, 100], [10, 100], [64, 64])


def test_ratios_are_limited_and_those_of_three_channels_lean_on_each_other() -> None:
    ratio = [0, 0]
    update_activity([1, 1000], [1000, 1], ratio, 2)
    assert ratio == [8, 512]
    ratio = [0] * 4
    update_activity([640, 64, 64, 640], [64] * 4, ratio, 4)
    assert ratio[3] == 512
    assert 64 < ratio[1] == ratio[2] < ratio[0] < 512


def test_large_sets_follow_every_fourth_landmark() -> None:
    assert (update_interval(39), update_interval(40)) == (0, 3)
