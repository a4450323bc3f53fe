"""Writes docs/boards/: a page and a drawing for each board definition, and the list of all boards, supported or not.

python tools/make_board_pages.py          write them
python tools/make_board_pages.py --check  only say whether the committed ones are current (status 1 when not)
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "host"))

from posewire.boards.pages import pages  # noqa: E402

FOLDER = ROOT / "docs" / "boards"


def main() -> int:
    wanted = pages()
    stale = [name for name, text in wanted.items() if _read(FOLDER / name) != text]
    extra = [path.name for path in [*FOLDER.glob("*.md"), *FOLDER.glob("*.svg")] if path.name not in wanted]
    if "--check" in sys.argv:
        for name in [*stale, *extra]:
            print(f"docs/boards/{name} is not current: run tools/make_board_pages.py")
        return int(bool(stale or extra))
    FOLDER.mkdir(exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(wanted[name], "utf-8")
    for name in extra:
        (FOLDER / name).unlink()
    print(f"{len(stale)} written, {len(extra)} removed, {len(wanted) - len(stale)} current")
    return 0


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())
