"""Compiling the codec before anybody waits for it."""

import sys

import pytest

from posewire.wire import pose
from posewire.wire.pose import PoseDecoder, PoseEncoder
from posewire.wire.pose import kernel as kernel_module
from posewire.wire.pose.warm import warm


def test_warming_makes_the_compiled_codec_ready_and_changes_no_byte() -> None:
    pytest.importorskip("numba")
    warm()
    values = [[0.25, 0.5, 0.75]] * 17
    packets = [PoseEncoder("coco17", compiled=compiled).encode(values, 5) for compiled in (True, False)]  # type: ignore[arg-type]
    assert packets[0] == packets[1]
    assert PoseDecoder(compiled=True).decode(packets[0]) is not None


def test_without_numba_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "posewire.wire.pose.compiled", None)
    monkeypatch.delattr(pose, "compiled", raising=False)
    monkeypatch.setattr("posewire.wire.pose.encoder.kernel", kernel_module.kernel.__wrapped__)
    with pytest.raises(ImportError):
        warm()
