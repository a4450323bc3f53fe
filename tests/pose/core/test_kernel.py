"""The two forms of the core's integers: lists, or arrays where numba is installed."""

import sys

import numpy as np
import pytest

from posewire.wire import pose
from posewire.wire.pose.core.model import DELTA
from posewire.wire.pose.grid import quantise
from posewire.wire.pose.kernel import CompiledKernel, Kernel, ListKernel, kernel
from posewire.wire.pose.sets import custom_set


@pytest.fixture(params=[ListKernel, CompiledKernel])
def made(request: pytest.FixtureRequest) -> Kernel:
    if request.param is CompiledKernel:
        pytest.importorskip("numba")
    result: Kernel = request.param()
    return result


def test_an_array_is_a_copy(made: Kernel) -> None:
    for source in ([1, 2, 3], np.array([1, 2, 3])):
        copy = made.array(source)
        copy[0] = 9
        assert list(source) == [1, 2, 3]
        assert list(copy) == [9, 2, 3]


def test_rows_are_copies_of_their_own(made: Kernel) -> None:
    rows = made.rows([[0, 0], [0, 0]])
    rows[0][1] = 5
    assert [list(row) for row in rows] == [[0, 5], [0, 0]]


def test_equal_compares_the_integers(made: Kernel) -> None:
    assert made.equal(made.array([1, -2]), made.array([1, -2]))
    assert not made.equal(made.array([1, -2]), made.array([1, 2]))


def test_a_model_has_scratch_memory_of_the_size_asked_for(made: Kernel) -> None:
    model = made.model(2, 1, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0], [[0] * 2] * 4, 7, 0)
    assert {len(row) for row in model.scratch} == {7}
    assert list(model.all_delta) == [DELTA] * 2


def test_the_compiled_grid_is_the_one_of_numpy() -> None:
    pytest.importorskip("numba")
    spec, rng = custom_set(50, (5, 0, -2)), np.random.default_rng(7)
    values = (rng.normal(size=150) * 10.0 ** rng.integers(-3, 7, 150)).astype(np.float32)
    out = np.empty(150, np.int64)
    scale = np.exp2(np.array(spec.bits, np.float64))
    assert CompiledKernel().quantise(values, scale, 32767.0, out)
    assert np.array_equal(out, quantise(values, spec, 0)[0])
    values[20] = np.nan
    assert not CompiledKernel().quantise(values, scale, 32767.0, out)


def test_without_numba_only_who_insists_gets_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "posewire.wire.pose.compiled", None)
    monkeypatch.delattr(pose, "compiled", raising=False)
    uncached = kernel.__wrapped__
    assert isinstance(uncached(None), ListKernel)
    with pytest.raises(ImportError):
        uncached(True)


def test_a_kernel_is_made_once() -> None:
    assert kernel(False) is kernel(False)
    assert kernel(None) is kernel(None)
