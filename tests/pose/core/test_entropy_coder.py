"""Residuals as bytes and back, whatever they are and in whatever context."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from posewire.wire.pose import custom_set
from posewire.wire.pose.core.entropy_decoder import INVALID, read_rice, read_symbol, refill, signed
from posewire.wire.pose.core.entropy_encoder import encode_entropy
from posewire.wire.pose.core.model import CONTEXT, RESIDUAL
from posewire.wire.pose.kernel import ListKernel
from posewire.wire.pose.set_coder import SetCoder
from posewire.wire.pose.trained.symbol_tables import buckets

VALUE = st.tuples(st.integers(-32768, 32767) | st.integers(-40, 40), st.integers(0, 33))  # residual, context


@settings(max_examples=200)
@given(values=st.lists(VALUE, min_size=1, max_size=30))
def test_any_residuals_come_back(values: list[tuple[int, int]]) -> None:
    coder = SetCoder(custom_set(len(values), (0,)), ListKernel())
    model = coder.model(0, coder.unit_gains)
    model.scratch[RESIDUAL][:], model.scratch[CONTEXT][:] = zip(*values, strict=True)
    data = bytes(coder.out[encode_entropy(model, len(values), coder.out, len(coder.out)) :])
    end = len(data)
    state, at = refill(0, data, 0, end)
    got = []
    for _, context in values[:-1]:
        residual, state, at = read_symbol(context, model.cumulative, model.symbols, data, state, at, end)
        got.append(residual)
    residual, state, at = read_rice(values[-1][1], data, state, at, end)
    assert [*got, residual] == [residual for residual, _ in values]
    assert (state, at) == (1, end)


def test_a_negative_zero_and_more_than_sixteen_bits_are_invalid() -> None:
    assert signed(0, 1) == signed(32769, 0) == INVALID
    assert (signed(32768, 1), signed(5, 0)) == (-32768, 5)


def test_contexts_are_two_an_octave() -> None:
    table = buckets()
    assert list(table[:9]) == [0, 1, 2, 3, 4, 4, 5, 5, 6]
    assert all(table[2 * size] == table[size] + 2 for size in range(2, len(table) // 2))
