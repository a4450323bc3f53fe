"""Each simulated board on a machine has an address of its own."""

import subprocess
import sys
from pathlib import Path

from posewire.sim.board import DEVICE_ID
from posewire.sim.device_ids import reserved_device_id

_HOLD = """
import sys
from pathlib import Path
from posewire.sim.device_ids import reserved_device_id
with reserved_device_id(Path(sys.argv[1])) as name:
    print(name, flush=True)
    sys.stdin.read()
"""


def test_two_processes_have_two_addresses_and_the_first_is_free_again(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HOLD, str(tmp_path / "locks")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == DEVICE_ID
        with reserved_device_id(tmp_path / "locks") as mine, reserved_device_id(tmp_path / "locks") as another:
            assert mine == "02:00:00:00:00:02"
            assert another == "02:00:00:00:00:03"
        other.communicate()
    with reserved_device_id(tmp_path / "locks") as mine:
        assert mine == DEVICE_ID


def test_without_a_place_for_locks_there_is_still_an_address(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with reserved_device_id(tmp_path / "file" / "locks") as mine:
        assert mine == DEVICE_ID
