"""The long life of a board, on MicroPython: updates on a real littlefs, storage, provisioning."""

import subprocess
from pathlib import Path

import pytest

from posewire.sim.interpreter import find_micropython

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", ["mp_updater.py", "mp_storage.py"])
def test_on_micropython(name: str, tmp_path: Path) -> None:
    command = [*find_micropython(), "-X", "heapsize=8m", str(HERE / "run_on_micropython.py"), name]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ok  " in result.stdout
