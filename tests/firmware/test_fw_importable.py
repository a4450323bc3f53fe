"""Every module of the firmware can be imported by CPython: viper checks its bounds, hardware is names only."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "firmware"
MODULES = sorted(path.stem for path in (FIRMWARE / "posewire_fw").glob("*.py") if path.stem != "__init__")

IMPORT_ALL = """
import importlib, sys, types
sys.path[:0] = [{shim!r}, {firmware!r}]
import micropython
for name in ("machine", "network", "esp32", "neopixel", "tls", "vfs"):
    module = types.ModuleType(name)
    module.__getattr__ = lambda name: type(name, (), {{}})
    sys.modules[name] = module
failed = 0
for name in {modules!r}:
    try:
        importlib.import_module("posewire_fw." + name)
    except Exception as exc:
        failed += 1
        print(name, type(exc).__name__, exc)
sys.exit(failed)
"""


@pytest.mark.timeout(100)
def test_every_module_is_importable_on_cpython() -> None:
    assert len(MODULES) > 60
    program = IMPORT_ALL.format(shim=str(HERE / "shim"), firmware=str(FIRMWARE), modules=MODULES)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
