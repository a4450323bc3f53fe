"""The content of an update: the application compiled for a board's chip, or a firmware image, with hashes.

The manifest of an application is text: ``posewire-app 1 <version> <architecture> <.mpy version>``, then a line for each
file, ``<SHA-256> <size> <name>``. docs/updates.md has the rest.
"""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from posewire.boards.profiles import is_used
from posewire.errors import UpdateError
from posewire.install.bundle import ARCHITECTURES, compile_files
from posewire.install.compact.merge import PACKAGE

MANIFEST = "manifest"
IMAGE = "image"
_VERSION = re.compile(r'^__version__ = "([^"\s]+)"', re.MULTILINE)
_IMAGE_MAGIC = 0xE9
# As mpy-cross writes them and the board reads them: 'M', version, sub-version and architecture.
_MPY = ord("M")


@dataclass(frozen=True)
class Bundle:
    """``files`` by name, ``manifest`` for an application; ``kind`` is ``app`` or ``image``."""

    kind: str
    version: str
    files: dict[str, bytes] = field(repr=False)
    begin_size: int
    begin_sha256: str

    @property
    def size(self) -> int:
        """The size in bytes, without the manifest."""
        return sum(len(data) for name, data in self.files.items() if name != MANIFEST)

    def piece(self, name: str, offset: int, count: int) -> bytes:
        """Return bytes of one file. Raises UpdateError when they are not there."""
        data = self.files.get(name)
        if data is None or not 0 <= offset < len(data) or count <= 0:
            raise UpdateError(f"the board asks for {name!r} at {offset}, which does not exist", "bad_message")
        return data[offset : offset + count]


def firmware_version(firmware: Path) -> str:
    """Return the version of the application in a firmware folder. Raises UpdateError."""
    stamp = firmware / PACKAGE / "_version.py"
    try:
        found = _VERSION.search(stamp.read_text("utf-8"))
    except OSError as error:
        raise UpdateError(f"{firmware} holds no firmware: {stamp.name}: {error.strerror}") from None
    if found is None:
        raise UpdateError(f"{stamp} does not name a version")
    return found[1]


def build_app(firmware: Path, arch: str, mpy: int, mpy_sub: int, profile: str = "full") -> Bundle:
    """Compile what a profile uses of a firmware folder for one architecture.

    Raises:
        UpdateError: the architecture is not known, or the board would not load the compiler's files.
        InstallError: there is no compiler, or the code does not compile.
    """
    if arch not in ARCHITECTURES:
        raise UpdateError(
            f"the firmware cannot be compiled for the board's architecture {arch!r}", "wrong_architecture"
        )
    version = firmware_version(firmware)
    sources = [path for path in sorted((firmware / PACKAGE).rglob("*.py")) if is_used(path.stem, profile)]
    # What chooses the slot is no part of an update, and goes by the names that it has in its source.
    chooser = firmware / "posewire_slots.py"
    sources += [chooser] if chooser.is_file() else []
    compiled = compile_files(firmware, sources, arch, profile != "full")
    files = {file.path: file.data for file in compiled if Path(file.path).stem != chooser.stem}
    for name, data in files.items():
        native = data[2] >> 2 & 15
        if data[0] != _MPY or data[1] != mpy or (native and data[2] & 3 != mpy_sub):
            raise UpdateError(
                f"this mpy-cross writes .mpy {data[1]}.{data[2] & 3} ({name}), the board takes {mpy}.{mpy_sub}: "
                "install an mpy-cross of the board's MicroPython version",
                "wrong_version",
            )
    return pack_app(version, arch, mpy, files)


def pack_app(version: str, arch: str, mpy: int, files: dict[str, bytes]) -> Bundle:
    """Put files into a bundle with their manifest."""
    lines = [f"posewire-app 1 {version} {arch} {mpy}"]
    lines += [f"{hashlib.sha256(data).hexdigest()} {len(data)} {name}" for name, data in sorted(files.items())]
    manifest = ("\n".join(lines) + "\n").encode()
    return Bundle("app", version, {**files, MANIFEST: manifest}, len(manifest), hashlib.sha256(manifest).hexdigest())


def read_image(path: Path) -> Bundle:
    """Read a firmware image (``.app-bin``, not the combined one for an empty chip). Raises UpdateError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UpdateError(f"cannot read {path.name}: {error.strerror}") from None
    if len(data) < 24 or data[0] != _IMAGE_MAGIC:
        raise UpdateError(
            f"{path.name} is not an application image: it begins with {data[:1].hex() or 'nothing'}, not e9"
        )
    return Bundle("image", path.stem, {IMAGE: data}, len(data), hashlib.sha256(data).hexdigest())
