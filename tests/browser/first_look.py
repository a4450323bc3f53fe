"""How long a first look takes, from the command to a board that moves and talks on the page: a program, not a test.

    PYTHONPATH=host:tests .venv/bin/python tests/browser/first_look.py

Makes a clone of this repository's last commit, lets `make try` install there what it needs (told apart: it is the
network that takes that time), ends it, and starts it again: the seconds until the page is shown, the board is in the
list, a pose is on the screen, and a turn of the board is answered. The browser is there before the command is.
"""

import argparse
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from browser.chromium import ARGUMENTS, find_chromium
from riscv.machine import ROOT

_PATIENCE = 600_000


def main() -> None:
    """Measure, and print each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="first-look-") as name, sync_playwright() as playwright:
        clone = Path(name) / "posewire"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS), headless=True)
        began = time.monotonic()
        with _try(clone):
            print(f"clone to a host that is ready, packages installed meanwhile: {time.monotonic() - began:.1f} s")
        for number in range(1, args.rounds + 1):
            print(f"round {number}: {_look(clone, browser)}", flush=True)
        browser.close()


def _look(clone: Path, browser: Browser) -> str:
    began = time.monotonic()
    seen: list[str] = []

    def note(what: str) -> None:
        seen.append(f"{what} {time.monotonic() - began:.1f} s")

    with _try(clone) as address, browser.new_context() as context:
        expect.set_options(timeout=_PATIENCE)
        page, talk = context.new_page(), context.new_page()
        page.goto(f"{address}#/devices")
        expect(page.locator(".top .state.good")).to_be_visible()
        note("page")
        board = page.locator("tbody tr a").first
        expect(board).to_be_visible()
        note("board")
        device = board.inner_text()
        page.goto(f"{address}#/rooms/demo")
        expect(page.locator(".stage .label").first).to_be_visible()
        note("pose")
        talk.goto(f"{address}#/talk/{device}")
        expect(talk.locator(".turn").last).to_contain_text("answered")
        note("turn")
    return ", ".join(seen)


@contextmanager
def _try(clone: Path) -> Iterator[str]:
    """Run `make try`; gives the address of the page as soon as it says that."""
    with subprocess.Popen(
        ["make", "try"],
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env=os.environ | {"POSEWIRE_STORE": ":memory:"},
    ) as host:
        assert host.stdout is not None
        try:
            told = (re.search(r"its page is (http\S+)", line) for line in host.stdout)
            address = next((found[1] for found in told if found), None)
            if address is None:
                raise SystemExit("`make try` has started no host: does another one have its port, 8000?")
            yield address
        finally:
            os.killpg(host.pid, signal.SIGINT)
            host.wait(60)


if __name__ == "__main__":
    main()
