"""MicroPython images: download them, and check that they fit the board."""

import contextlib
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from posewire.boards.chips import CHIPS
from posewire.boards.definition import BoardDefinition
from posewire.errors import InstallError
from posewire.progress import Progress

VERSION = "20250911-v1.26.1"
"""The default version of MicroPython, as in the names of its files."""

_SITE = "https://micropython.org/resources/firmware/"
_SIZE_MIN, _SIZE_MAX = 256 * 1024, 16 * 1024 * 1024
_TIMEOUT = 30.0
_PIECE = 64 * 1024

# Of an image's header (Espressif's "firmware image format"): the magic byte, and the chip's number at offset 12.
_MAGIC = 0xE9
_CHIP_AT = 12
CHIP_IDS = {0: "esp32", 2: "esp32s2", 5: "esp32c3", 9: "esp32s3", 13: "esp32c6"}


def image_url(board: BoardDefinition, version: str = VERSION) -> str:
    """Return the URL of the board's image. ``version`` as in file names, such as ``20250911-v1.26.1``."""
    return f"{_SITE}{board.image.full_name}-{version}.bin"


def find_image(source: str, cache: Path | None = None) -> Path:
    """Return the path of a local file, or of a URL that is downloaded once. Raises InstallError."""
    if not source.startswith(("https://", "http://")):
        path = Path(source)
        if not path.is_file():
            raise InstallError(f"there is no image {source}")
        return path
    folder = cache or cache_folder()
    target = folder / source.rpartition("/")[2]
    if not target.is_file():
        _download(source, target)
    return target


def cache_folder() -> Path:
    """Return the folder of downloaded images."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "posewire" / "images"


def check_image(path: Path, board: BoardDefinition | None) -> str:
    """Check that a file is an image for the board's chip; return the chip that it is for.

    Raises:
        InstallError: it is not.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_CHIP_AT + 2)
    except OSError as error:
        raise InstallError(f"cannot read {path}: {error.strerror}") from error
    if len(head) < _CHIP_AT + 2 or head[0] != _MAGIC:
        kind = "an update package (.app-bin and .uf2 do not go here)" if path.suffix != ".bin" else "no ESP32 image"
        raise InstallError(f"{path.name} is {kind}: use the .bin from the board's page on micropython.org/download")
    chip = CHIP_IDS.get(int.from_bytes(head[_CHIP_AT:], "little"), "")
    if not chip:
        raise InstallError(f"{path.name} is for a chip that this firmware does not know")
    if board is not None and chip != board.board.chip:
        raise InstallError(
            f"{path.name} is for {CHIPS[chip].esptool}, and {board.board.name} has an {board.chip.esptool}: "
            f"it needs {board.image.full_name}"
        )
    if not _SIZE_MIN <= size <= _SIZE_MAX:
        raise InstallError(f"{path.name} has {size} bytes, which is too few for a MicroPython image")
    return chip


def _read(answer: Any, name: str) -> bytes:
    """Read the body of an answer, up to what an image may be, and show how far it is."""
    length = answer.headers.get("Content-Length", "")
    data = bytearray()
    with Progress(f"downloading {name}", int(length) if length.isdecimal() else None) as progress:
        while len(data) <= _SIZE_MAX and (piece := answer.read(_PIECE)):
            data += piece
            progress.show(len(data))
    return bytes(data)


def _download(url: str, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - the scheme was checked
            data = _read(answer, url.rpartition("/")[2])
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise InstallError(
            f"cannot download {url} ({error}): download it yourself, then posewire flash --image FILE"
        ) from error
    # Only what is whole gets its name.
    handle, name = tempfile.mkstemp(dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        check_image(Path(name).rename(Path(name).with_suffix(".bin")), None)
        Path(name).with_suffix(".bin").replace(target)
    finally:
        for left in (Path(name), Path(name).with_suffix(".bin")):
            with contextlib.suppress(OSError):
                left.unlink()
