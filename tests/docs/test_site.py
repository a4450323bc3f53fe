"""The documentation as a site: it builds without a dead link, whole, and asks nobody else for anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import ROOT
from posewire.boards.board_file import load_board
from posewire.boards.folders import board_folder, board_names
from posewire.boards.wiring import drawing

pytest.importorskip("zensical")

SITE = ROOT / "build" / "docs" / "site"


@pytest.fixture(scope="module")
def site() -> Path:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_docs.py"], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return SITE


def test_every_page_is_there(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        place = page.relative_to(ROOT / "docs").with_suffix("")
        name = place.parent if place.name == "README" else place
        assert (site / name / "index.html").exists(), place
    assert "a Python person can own" in (site / "index.html").read_text()
    assert (site / "boards" / "esp32-s3-devkitc-1.svg").exists()
    assert (site / "pictures" / "room.jpg").exists()


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?([^\"'\s>]+)", page.read_text())
        loaded += re.findall(r"<link[^>]*\shref=[\"']?([^\"'\s>]+)", page.read_text())
        assert [address for address in loaded if "//" in address and "127.0.0.1" not in address] == [], page


@pytest.mark.parametrize("name", [name for name in board_names() if name != "sim"])
def test_a_drawing_has_every_pin_of_its_board(name: str) -> None:
    board = load_board(board_folder(name))
    drawn = drawing(board)
    assert drawn == drawing(load_board(board_folder(name)))
    for pin in board.pins.values():
        assert f"GPIO {pin}<" in drawn
    assert drawn.count("<svg") == drawn.count("</svg>") == 1
