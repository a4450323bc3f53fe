"""Builds the documentation as a site: build/docs/site, from README.md, docs/ and boards/README.md.

python tools/make_docs.py              build it; a dead link or anchor is an error
python tools/make_docs.py --pictures   take the pictures that tests/browser have made (build/pictures), smaller

The pages are those that one reads in the repository. What they link to outside of the site, a program for instance,
is named there instead: the site has no repository to point into.
"""

import base64
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "docs"
SOURCE = BUILD / "pages"
SITE = BUILD / "site"

# Pages of the site that are not in docs/, and where they go.
ELSEWHERE = {"README.md": "index.md", "boards/README.md": "board-definitions.md", "CHANGELOG.md": "changelog.md"}
PICTURES = {"room": "room", "device": "board", "talk": "talk-turn"}
WIDTH = 800

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)


def main() -> int:
    if "--pictures" in sys.argv:
        take_pictures()
        return 0
    shutil.rmtree(BUILD, ignore_errors=True)
    for origin, target in pages().items():
        path = SOURCE / target
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            path.write_text(relinked(origin), "utf-8")
        else:
            shutil.copy(ROOT / origin, path)
    shutil.copy(ROOT / "docs" / "zensical.toml", BUILD / "zensical.toml")
    missing = sorted({place for place in pages().values() if place.endswith(".md")} - set(in_menu()))
    missing = [page for page in missing if not page.startswith("boards/")]
    if missing:
        print(f"docs/zensical.toml has no place in its menu for {', '.join(missing)}", file=sys.stderr)
        return 1
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--clean", "--strict", "-f", "zensical.toml"]
    done = subprocess.run(command, cwd=BUILD, env={**os.environ, "NO_COLOR": "1"}, check=False)
    return done.returncode


def pages() -> dict[str, str]:
    """The files of the site: from their place in the repository to that below the site's pages."""
    found = dict(ELSEWHERE)
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.suffix in (".md", ".svg", ".jpg", ".json"):
            found[path.relative_to(ROOT).as_posix()] = path.relative_to(ROOT / "docs").as_posix()
    return found


def relinked(origin: str) -> str:
    """A page's text with its links as the site needs them."""
    text = (ROOT / origin).read_text("utf-8")
    parts = _CODE.split(text)
    return "".join(
        part if _CODE.fullmatch(part) else _LINK.sub(lambda found: _link(origin, found), part) for part in parts
    )


def in_menu() -> list[str]:
    """The pages that the menu names."""
    config = tomllib.loads((ROOT / "docs" / "zensical.toml").read_text("utf-8"))
    found: list[str] = []
    waiting = list(config["project"]["nav"])
    while waiting:
        entry = waiting.pop()
        values = entry.values() if isinstance(entry, dict) else [entry]
        for value in values:
            waiting += value if isinstance(value, list) else []
            found += [value] if isinstance(value, str) else []
    return found


def _link(origin: str, found: "re.Match[str]") -> str:
    picture, label, target = found.groups()
    name, _, anchor = target.partition("#")
    if not name or "://" in target or target.startswith("mailto:"):
        return found[0]
    place = os.path.normpath(os.path.join(os.path.dirname(origin), name))  # noqa: PTH118, PTH120
    known = pages()
    if place not in known:
        return label if (ROOT / place).exists() else found[0]
    here = os.path.dirname(known[origin]) or "."  # noqa: PTH120
    there = os.path.relpath(known[place], here)
    return f"{picture}[{label}]({there}{'#' + anchor if anchor else ''})"


def take_pictures() -> None:
    """Write docs/pictures from what tests/browser have made."""
    from playwright.sync_api import sync_playwright

    folder = ROOT / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 400})
        for name, made in PICTURES.items():
            data = base64.b64encode((ROOT / "build" / "pictures" / f"{made}.png").read_bytes()).decode()
            page.set_content(f'<body style="margin:0"><img width={WIDTH} src="data:image/png;base64,{data}">')
            page.locator("img").screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=70)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
