"""Packs the firmware for people who have no Python on their computer: a zip for each architecture, compiled.

python tools/make_firmware_release.py [FOLDER]     default: dist/
Each zip holds what is copied to the board's root, and sha256sums.txt.
"""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "host"))

from posewire import __version__  # noqa: E402
from posewire.boards.chips import CHIPS  # noqa: E402
from posewire.install.bundle import firmware_files  # noqa: E402

# Zip files of the same content are the same, whenever they are made.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist"
    folder.mkdir(parents=True, exist_ok=True)
    for architecture in sorted({chip.mpy for chip in CHIPS.values()}):
        files = firmware_files(ROOT / "firmware", architecture)
        target = folder / f"posewire-firmware-{__version__}-{architecture}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.writestr(zipfile.ZipInfo(file.path, _EPOCH), file.data)
            sums = "".join(f"{file.digest}  {file.path}\n" for file in files)
            archive.writestr(zipfile.ZipInfo("sha256sums.txt", _EPOCH), sums)
        print(f"{sum(len(file.data) for file in files):8} bytes on the board  {target.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
