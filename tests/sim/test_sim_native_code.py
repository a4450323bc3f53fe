"""How much machine code a compiled file holds."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.boards.chips import CHIPS
from posewire.errors import SimulatorError
from posewire.install.bundle import compile_files
from posewire.sim.firmware.native_code import native_sizes

VIPER = """
import micropython
from micropython import const

_TABLE = (b"bytes", "text", 1.5, 1 << 70, (1, None, True))


def bytecode(x):
    return [y for y in range(x)] + list(_TABLE)


@micropython.viper
def short(x: int) -> int:
    return x + 1


@micropython.native
def outer(x):
    def inner(y):
        return x + y

    return inner


@micropython.viper
def long(p: ptr8, n: int) -> int:
    total = 0
    for i in range(n):
        total += p[i] * 3
    return total
"""


def compiled(folder: Path, source: str, architecture: str) -> bytes:
    path = folder / "code.py"
    path.write_text(source)
    return compile_files(folder, [path], architecture)[0].data


@pytest.mark.parametrize("architecture", sorted({chip.mpy for chip in CHIPS.values()} | {"x86", "x64"}))
def test_each_function_of_machine_code_is_counted(tmp_path: Path, architecture: str) -> None:
    data = compiled(tmp_path, VIPER, architecture)
    short, inner, outer, long = native_sizes(data)
    assert 8 < short < long
    assert inner > 8
    assert outer > 8
    assert short + inner + outer + long < len(data)


def test_bytecode_is_none(tmp_path: Path) -> None:
    assert native_sizes(compiled(tmp_path, VIPER.split("@")[0], "xtensawin")) == []


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    data = compiled(tmp_path, VIPER, "rv32imc")
    for end in range(len(data) - 1):
        with pytest.raises(SimulatorError):
            native_sizes(data[:end])


@given(st.binary(max_size=64))
def test_anything_else_is_refused_or_counted(rest: bytes) -> None:
    try:
        sizes = native_sizes(b"M\x06\x00\x1f" + rest)
    except SimulatorError:
        return
    assert all(size >= 0 for size in sizes)
