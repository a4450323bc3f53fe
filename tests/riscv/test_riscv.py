"""The firmware's own tests as 32-bit RISC-V machine code, compiled as deploy does and compiled by the board itself.

The shared vectors, damaged packets and the filter's recordings run on it too: see tests/pose/.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from riscv.interpreter import find
from riscv.machine import ROOT, Machine

PROGRAMS = ROOT / "tests" / "firmware"
SHARED = sorted(path.name for path in PROGRAMS.rglob("test_fw_*.py") if "import pytest" not in path.read_text())
# On MicroPython only; they need neither a network nor a board's hardware.
ALONE = ["mp_pose_rate.py", "mp_supervisor.py"]


def sources() -> Mapping[str, bytes]:
    """The firmware for a board that compiles it by itself."""
    folder = ROOT / "firmware"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.py")}


@pytest.mark.parametrize("program", SHARED + ALONE)
def test_as_deployed(program: str, rv32: Machine) -> None:
    assert "ok  " in rv32.run("run_on_micropython.py", program)


@pytest.mark.parametrize("program", SHARED)
@pytest.mark.usefixtures("rv32")
def test_as_the_board_compiles_it(program: str, tmp_path: Path) -> None:
    assert "ok  " in Machine(find(), sources(), tmp_path).run("run_on_micropython.py", program)


def test_a_failure_is_seen(rv32: Machine, tmp_path: Path) -> None:
    wrong = b"def is_utf8(data, count):\n    return True\n"
    files = {**sources(), "posewire_fw/utf8.py": wrong}
    with pytest.raises(AssertionError, match=r"FAILED test_fw_viper\.py\.test_utf8"):
        Machine(find(), files, tmp_path).run("run_on_micropython.py", "test_fw_viper.py")
    with pytest.raises(AssertionError, match="no module named 'missing'"):
        rv32.run("run_on_micropython.py", "missing.py")
