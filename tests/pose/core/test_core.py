"""The core compiled, against the same source on plain lists: the same bytes, the same state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewire.wire.pose import custom_set, landmark_set
from posewire.wire.pose.core.functions import source_digest
from posewire.wire.pose.core.model import DELTA, INTRA, SKIP, Frame
from posewire.wire.pose.kernel import CompiledKernel, Kernel, ListKernel
from posewire.wire.pose.set_coder import SetCoder

SETS = [
    landmark_set("body33"),
    landmark_set("hands42"),
    landmark_set("face478"),
    custom_set(5, (4, 4), (-1, 0, 1, 0, 2)),
    custom_set(1, (0,)),
]
KERNELS = [ListKernel, pytest.param(CompiledKernel, id="CompiledKernel")]
SPREADS = st.sampled_from([0, 1, 3, 20, 200, 2000, 40000])


def make(kernel_class: Any) -> Kernel:
    if kernel_class is CompiledKernel:
        pytest.importorskip("numba")
    kernel: Kernel = kernel_class()
    return kernel


def random_frame(spec: Any, rng: np.random.Generator, spread: int) -> tuple[Any, ...]:
    """Integers of the reference frame, the one before it and this one; scales and weights of the reference frame."""
    size = spec.size
    reach = 32768 if spread > 1000 else 2000
    reference = rng.integers(-reach, reach, size)
    previous = np.clip(reference + rng.integers(-spread, spread + 1, size), -32768, 32767)
    x = np.clip(reference + rng.integers(-spread, spread + 1, size) * (rng.random(size) < 0.8), -32768, 32767)
    scale = rng.integers(2, 32768 if spread > 1000 else 900, size)
    return reference, previous, x, scale, rng.integers(0, 81, size)


def encode_delta(kernel: Kernel, spec: Any, values: tuple[Any, ...]) -> tuple[int, bytes, list[int], list[int]]:
    """Mode, bytes, scales and weights after a frame of which every landmark is a delta."""
    coder = SetCoder(spec, kernel)
    reference, previous, x, scale, weight = (kernel.array(v) for v in values)
    _, new_scale, new_weight = kernel.new_values(spec.size)
    mode, start = kernel.functions.encode_delta_frame(
        coder.model_fields(0, coder.unit_gains), reference, previous, scale, weight, x, new_scale, new_weight, coder.out
    )
    return mode, bytes(coder.out_bytes[start:]), list(new_scale), list(new_weight)


def decode_delta(kernel: Kernel, spec: Any, values: tuple[Any, ...], mode: int, data: bytes) -> Any:
    """Integers, scales and weights; None where the bytes are refused."""
    coder = SetCoder(spec, kernel)
    reference, previous, _, scale, weight = (kernel.array(v) for v in values)
    x, new_scale, new_weight = kernel.new_values(spec.size)
    good = kernel.functions.decode_delta_frame(
        coder.model_fields(0, coder.unit_gains),
        mode,
        reference,
        previous,
        scale,
        weight,
        x,
        new_scale,
        new_weight,
        data,
        0,
        len(data),
    )
    return (list(x), list(new_scale), list(new_weight)) if good else None


@settings(max_examples=60, deadline=None)
@given(spec=st.sampled_from(SETS), seed=st.integers(0, 2**32 - 1), spread=SPREADS)
def test_the_compiled_core_is_the_one_on_lists(spec: Any, seed: int, spread: int) -> None:
    compiled, lists = make(CompiledKernel), ListKernel()
    values = random_frame(spec, np.random.default_rng(seed), spread)
    encoded = encode_delta(lists, spec, values)
    assert encode_delta(compiled, spec, values) == encoded
    mode, packet = encoded[:2]
    for data in (packet, packet[:-1], packet + b"\0", bytes([packet[0] ^ 4]) + packet[1:]):
        assert decode_delta(compiled, spec, values, mode, data) == decode_delta(lists, spec, values, mode, data)


@settings(max_examples=60, deadline=None)
@given(spec=st.sampled_from(SETS), seed=st.integers(0, 2**32 - 1), spread=SPREADS)
@pytest.mark.parametrize("kernel_class", KERNELS)
def test_a_delta_frame_comes_back(kernel_class: Any, spec: Any, seed: int, spread: int) -> None:
    kernel = make(kernel_class)
    values = random_frame(spec, np.random.default_rng(seed), spread)
    mode, data, scale, weight = encode_delta(kernel, spec, values)
    assert decode_delta(kernel, spec, values, mode, data) == (values[2].tolist(), scale, weight)


@settings(max_examples=60, deadline=None)
@given(spec=st.sampled_from(SETS), seed=st.integers(0, 2**32 - 1), spread=SPREADS, data=st.data())
@pytest.mark.parametrize("kernel_class", KERNELS)
def test_any_mixture_of_landmarks_comes_back(
    kernel_class: Any, spec: Any, seed: int, spread: int, data: st.DataObject
) -> None:
    kernel = make(kernel_class)
    coder = SetCoder(spec, kernel)
    model = coder.model(0, coder.unit_gains)
    actions = st.lists(st.sampled_from([SKIP, DELTA, INTRA]), min_size=spec.landmarks, max_size=spec.landmarks)
    action = data.draw(actions if spec.landmarks < 50 else st.just([seed % 3, 1, 2] * spec.landmarks))[: spec.landmarks]
    reference, _, x, scale, weight = (kernel.array(v) for v in random_frame(spec, np.random.default_rng(seed), spread))
    valid = kernel.array([how == DELTA for how in action])

    def frame(integers: Any) -> Frame:
        new_scale, new_weight = kernel.zeros(spec.size), kernel.zeros(spec.size)
        return Frame(
            kernel.array(action), INTRA in action, valid, integers, reference, scale, weight, new_scale, new_weight
        )

    encoded, decoded = frame(x), frame(kernel.zeros(spec.size))
    coded = kernel.functions.encode_residuals(model, encoded)
    assert coded == sum(how != SKIP for how in action) * spec.channels
    start = kernel.functions.encode_entropy(model, coded, coder.out, len(coder.out))
    packet = bytes(coder.out_bytes[start:])
    assert kernel.functions.decode_residuals(model, decoded, spec.landmarks, packet, 0, len(packet))
    there = np.repeat(np.array(action) != SKIP, spec.channels)
    assert np.array_equal(np.array(decoded.x)[there], np.array(x)[there])
    assert list(decoded.new_scale) == list(encoded.new_scale)
    assert list(decoded.new_weight) == list(encoded.new_weight)


def test_machine_code_is_named_after_its_sources(tmp_path: Any) -> None:
    source = tmp_path / "compiled.py"
    source.write_text("a = 1")
    before = source_digest(str(source))
    assert source_digest(str(source)) == before
    source.write_text("a = 2")
    assert source_digest(str(source)) != before
