"""The emulated RISC-V machine: runs one of the firmware's test programs on it, and returns what it printed."""

import base64
import re
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from mpremote.romfs import VfsRomWriter

from riscv.interpreter import QEMU

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(__file__).parent / "target"
# What QEMU's processor has unless told otherwise, and an ESP32-C3 has not: atomics, floats, doubles.
_NOT_OF_A_C3 = ["a", "f", "d"]
# Parts of them that later versions of QEMU name.
_NOT_OF_A_C3_SINCE_8 = ["zawrs", "zfa"]
# Behind what the interpreter uses of the machine's memory, which begins at 0x80000000.
_IMAGE_AT = 0x84000000
_OPTIONS = ["-machine", "virt", "-bios", "none", "-display", "none", "-monitor", "none", "-serial", "stdio"]
_CAN_SWITCH_OFF = "-semihosting"

# Typed at the prompt in raw mode, which is MicroPython's for programs.
_TYPED = """\x01
import sys, uctypes, vfs
vfs.mount(vfs.VfsRom(uctypes.bytearray_at({at}, {size})), "/rom")
sys.path[:] = ["/rom/lib", "/rom/firmware"]
import start
start.run({program!r}, {arguments!r}, {wanted!r})
\x04"""
_PASSED = "\n--- ended with 0\n"
_TIMEOUT_SECONDS = 100


class Machine:
    """Starts anew for each program. ``firmware`` are its files by path, as source or compiled."""

    def __init__(self, interpreter: Path, firmware: Mapping[str, bytes], work: Path) -> None:
        self._interpreter = interpreter
        self._work = work
        self._files = {f"firmware/{path}": data for path, data in firmware.items()}
        for folder, under in ((TARGET, "lib"), (interpreter / "asyncio", "lib/asyncio")):
            self._files |= {f"{under}/{path.name}": path.read_bytes() for path in folder.glob("*.py")}
        for pattern in ("firmware/*.py", "firmware/*/*.py", "vectors/**/*.json"):
            for path in (ROOT / "tests").glob(pattern):
                self._files[str(path.relative_to(ROOT))] = path.read_bytes()

    def run(self, program: str, *arguments: str, files: Mapping[str, bytes] | None = None) -> str:
        """Run ``tests/firmware/<program>``; ``files`` are there for it as ``/rom/<name>``.

        Returns what it printed. Raises AssertionError with that when it fails or does not end in time.
        """
        return self._run(program, arguments, files or {}, None)[0]

    def run_for_file(self, program: str, *arguments: str, files: Mapping[str, bytes], wanted: str) -> tuple[str, bytes]:
        """As run(), for what it printed and the file ``wanted`` that it wrote."""
        printed, rest = self._run(program, arguments, files, wanted)
        return printed, b"".join(base64.b64decode(line) for line in rest.split())

    def _run(
        self, program: str, arguments: tuple[str, ...], files: Mapping[str, bytes], wanted: str | None
    ) -> tuple[str, str]:
        image = rom_image({**self._files, **files})
        path = self._work / "rom.img"
        path.write_bytes(image)
        typed = _TYPED.format(
            at=_IMAGE_AT,
            size=len(image),
            program=f"/rom/tests/firmware/{program}",
            arguments=list(arguments),
            wanted=wanted,
        )
        command = [QEMU, *_OPTIONS, _CAN_SWITCH_OFF, "-cpu", _processor()]
        command += ["-kernel", str(self._interpreter / "firmware.elf")]
        command += ["-device", f"loader,file={path},addr={_IMAGE_AT:#x},force-raw=on"]
        try:
            done = subprocess.run(
                command, input=typed.encode(), capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{program} did not end in {_TIMEOUT_SECONDS} s: {_text(error.stdout)}") from error
        printed, ended, rest = _text(done.stdout).partition(">OK")[2].partition(_PASSED)
        assert ended, _text(done.stdout + done.stderr)
        return printed, rest


@cache
def _processor() -> str:
    """QEMU's name for a processor with an ESP32-C3's instructions and no others."""
    said = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"version (\d+)", said)
    assert version is not None, said
    off = _NOT_OF_A_C3 + (_NOT_OF_A_C3_SINCE_8 if int(version[1]) >= 8 else [])
    return ",".join(["rv32", *(f"{name}=off" for name in off)])


def _text(data: bytes | None) -> str:
    return (data or b"").decode(errors="replace").replace("\r\n", "\n")


def rom_image(files: Mapping[str, bytes]) -> bytes:
    """A read-only file system as MicroPython has it in flash; code in it is executed in place."""
    tree: dict[str, object] = {}
    for path, data in files.items():
        *folders, name = path.split("/")
        folder = tree
        for part in folders:
            folder = folder.setdefault(part, {})  # type: ignore[assignment]
        folder[name] = data
    writer = VfsRomWriter()
    _write(writer, tree)
    return bytes(writer.finalise())


def _write(writer: VfsRomWriter, folder: dict[str, object]) -> None:
    for name, entry in folder.items():
        if isinstance(entry, bytes):
            writer.mkfile(name, entry)
        else:
            assert isinstance(entry, dict)
            writer.opendir(name)
            _write(writer, entry)
            writer.closedir()
