"""Fixtures of all tests."""

import os

import pytest
from hypothesis import settings

from posewire.boards.chips import CHIPS
from posewire.sim.firmware.compiled import copy_compiled
from posewire.store.settings import STORE_VARIABLE
from riscv.interpreter import UnavailableError, find
from riscv.machine import ROOT, Machine

# Hosts that tests start keep nothing, unless a test names a file.
os.environ[STORE_VARIABLE] = ":memory:"

# Nothing here asserts on time: a loaded machine may be slow.
settings.register_profile("posewire", deadline=None)
settings.load_profile("posewire")


@pytest.fixture(scope="session")
def rv32(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """An ESP32-C3's instructions, with the firmware as it is deployed to such a board."""
    try:
        interpreter = find()
    except UnavailableError as error:
        pytest.skip(f"no MicroPython for rv32imc: {error}")
    work = tmp_path_factory.mktemp("rv32")
    folder = copy_compiled(ROOT / "firmware", work / "firmware", CHIPS["esp32c3"].mpy, "full")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return Machine(interpreter, files, work)
