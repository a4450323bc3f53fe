"""Start values: a coding order in which every landmark comes once, after those that predict it."""

import pytest

from posewire.wire.pose.core.model import ORDER_WIDTH
from posewire.wire.pose.sets import SETS, LandmarkSet, custom_set, landmark_set
from posewire.wire.pose.trained.start_values import index_order, start_values, unpack_scale

CASES = [*SETS.values(), landmark_set("quat5"), custom_set(4, (3, 2), (-1, 0, 0, 2)), landmark_set("body33", (9, 9))]


@pytest.mark.parametrize("spec", CASES, ids=lambda spec: f"{spec.name}-{spec.channels}")
@pytest.mark.parametrize("coarse", [0, 5])
def test_every_landmark_comes_once_after_those_that_predict_it(spec: LandmarkSet, coarse: int) -> None:
    values, channels = start_values(spec, coarse), spec.coded_channels
    rows = [values.order[at : at + ORDER_WIDTH] for at in range(0, len(values.order), ORDER_WIDTH)]
    assert sorted(row[0] for row in rows) == [landmark * channels for landmark in range(spec.landmarks)]
    coded: set[int] = set()
    for first, count, *predictors in rows:
        assert 0 <= count <= 3
        assert coded.issuperset(predictors[:count])
        coded.add(first)
    assert {len(row) for row in values.rows} == {spec.coded_size}
    assert all(2 <= scale <= 32767 for scale in (*values.scale, *values.intra_scale))
    assert all(0 <= weight <= 80 for weight in values.weight)


def test_parents_of_a_custom_set_predict() -> None:
    order = start_values(custom_set(3, (1, 1), (-1, 0, 1)), 0).order
    assert order == [0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 4, 1, 2, 0, 0]


def test_a_coarser_grid_has_smaller_start_values() -> None:
    spec = landmark_set("body33")
    fine, coarse = start_values(spec, 0), start_values(spec, 3)
    assert fine.order == coarse.order
    assert all(abs(8 * small - large) <= 4 for small, large in zip(coarse.template, fine.template, strict=True))
    assert sum(coarse.scale) < sum(fine.scale)


def test_hands_have_the_same_start_twice() -> None:
    one, two = start_values(landmark_set("hand21"), 0), start_values(landmark_set("hands42"), 0)
    assert two.template == one.template * 2
    assert two.scale == one.scale * 2


def test_scale_codes_are_four_an_octave() -> None:
    assert [unpack_scale(code) for code in (0, 8, 9, 10, 11, 12)] == [2, 4, 5, 6, 7, 8]
    assert unpack_scale(255) == 32767


def test_index_order_predicts_nothing() -> None:
    assert index_order(2, 3) == [0, 0, 0, 0, 0, 3, 0, 0, 0, 0]
