"""Every link between the pages leads somewhere, and so does every path of the code that a page names."""

import re
from pathlib import Path

import pytest

from docs.pages import PAGES, ROOT
from posewire.identity.principal import VERBS
from posewire.install.bundle import firmware_files

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
_PATH = re.compile(r"`((?:host|firmware|tests|tools|examples|boards|docs)/[\w./-]+\.\w+)`")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    dead = []
    for link in _LINK.findall(_CODE.sub("", page.read_text())):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_paths_that_a_page_names_exist(page: Path) -> None:
    assert [path for path in _PATH.findall(page.read_text()) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("profile", ["full", "motion", "voice"])
def test_the_size_of_the_firmware_is_what_the_page_says(profile: str) -> None:
    files = firmware_files(ROOT / "firmware", "xtensawin", profile)
    text = (ROOT / "docs" / "flashing.md").read_text()
    found = re.search(rf"(\d+) KB in (\d+)(?: files)? for `{profile}`", text)
    assert found is not None
    assert len(files) == pytest.approx(int(found[2]), rel=0.05)
    assert sum(len(file.data) for file in files) / 1000 == pytest.approx(float(found[1]), rel=0.05)


def test_no_page_has_a_name_that_stands_for_another() -> None:
    assert [page.name for page in PAGES if re.search(r"\bOWNER\b|\bTODO\b|\bFIXME\b", page.read_text())] == []


def test_the_scopes_are_those_of_the_table() -> None:
    table = (ROOT / "docs" / "security.md").read_text().partition("| scope | allows |")[2].partition("\n\n")[0]
    scopes = [scope for row in table.splitlines()[2:] for scope in re.findall(r"`([^`]+)`", row.split("|")[1])]
    named = {scope.partition(":")[0] for scope in scopes}
    assert named == set(VERBS)
