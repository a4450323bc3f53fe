"""Writes one version everywhere it stands, and the list of files for mip.

python tools/stamp_version.py            take the version of the latest tag (git describe --tags --match 'v*')
python tools/stamp_version.py 0.2.0      take this one
python tools/stamp_version.py --check    only say whether all places agree and the list is complete (status 1 when not)
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FIRMWARE = ROOT / "firmware"
VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc|\.dev)\d+)?")

# file: how the version stands in it
PLACES = {
    ROOT / "pyproject.toml": re.compile(r'^version = "([^"]*)"', re.MULTILINE),
    ROOT / "host" / "posewire" / "__init__.py": re.compile(r'^__version__ = "([^"]*)"', re.MULTILINE),
    FIRMWARE / "posewire_fw" / "_version.py": re.compile(r'^__version__ = "([^"]*)"', re.MULTILINE),
    FIRMWARE / "manifest.py": re.compile(r'version="([^"]*)"'),
}


def main() -> int:
    check = "--check" in sys.argv
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    stands = {path: found(path, pattern) for path, pattern in PLACES.items()}
    version = words[0] if words else stands[ROOT / "pyproject.toml"] if check else from_tag()
    if not VERSION.fullmatch(version):
        print(f"{version!r} is no version")
        return 1
    package = json.dumps(mip_package(version), indent=2) + "\n"
    target = FIRMWARE / "package.json"
    wrong = [path for path, there in stands.items() if there != version]
    if not target.exists() or target.read_text() != package:
        wrong.append(target)
    for path in wrong:
        print(f"{path.relative_to(ROOT)} {'is not current: run tools/stamp_version.py' if check else 'written'}")
    if check:
        return int(bool(wrong))
    for path, pattern in PLACES.items():
        text = path.read_text("utf-8")
        start, end = pattern.search(text).span(1)
        path.write_text(text[:start] + version + text[end:], "utf-8")
    target.write_text(package)
    return 0


def found(path: Path, pattern: re.Pattern[str]) -> str:
    match = pattern.search(path.read_text("utf-8"))
    if match is None:
        raise SystemExit(f"no version in {path}")
    return match[1]


def from_tag() -> str:
    command = ["git", "describe", "--tags", "--abbrev=0", "--match", "v*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit("there is no tag yet: say which version")
    return done.stdout.strip().removeprefix("v")


def mip_package(version: str) -> dict[str, object]:
    """The content of package.json: every file by its place beside it, as `mpremote mip install` takes them."""
    files = [path.name for path in FIRMWARE.glob("*.py") if path.name != "manifest.py"]
    files += [path.relative_to(FIRMWARE).as_posix() for path in (FIRMWARE / "posewire_fw").rglob("*.py")]
    return {"version": version, "urls": [[name, name] for name in sorted(files)], "deps": []}


if __name__ == "__main__":
    sys.exit(main())
