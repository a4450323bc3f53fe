"""What ten open pages cost the host, and its relay: a program, not a test.

    PYTHONPATH=host:tests .venv/bin/python tests/browser/cost_of_pages.py

In each round, in turn without pages and with pages in a real browser, in the views that ask most: the share of a
processor that the host uses while nothing is relayed, and the relay's figures (`posewire bench relay`) beside it. The
browser gives way to them (nice 10): in life it is on another machine.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

from browser.chromium import ARGUMENTS, find_chromium
from posewire.bench.relay import run_load, serve_contender
from posewire.bench.relay_load import Task, cpu

VIEWS = ("devices", "rooms", "talk", "health", "new")
ROOMS = 20
FIGURES = {
    "share": "% of a core, nothing relayed",
    "echo_msgs_s": "echo, messages/s",
    "echo_us": "echo, us of a core",
    "fanout_us_per_delivery": "fan-out, us of a core a delivery",
}


def main() -> None:
    """Measure, and print each round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--pages", type=int, default=10, help="open pages (default 10)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of one measurement (default 5)")
    parser.add_argument("--open", nargs=2, metavar=("URL", "TOKEN"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.open:
        _open_pages(*args.open, args.pages)
        return
    rounds = []
    for number in range(1, args.rounds + 1):
        pair = _measure(0, args.seconds), _measure(args.pages, args.seconds)
        rounds.append(pair)
        for name, title in FIGURES.items():
            print(f"round {number}: {title}: {pair[0][name]:.2f} without, {pair[1][name]:.2f} with", flush=True)
    print(f"medians of {args.rounds} rounds, {args.pages} pages:")
    for name, title in FIGURES.items():
        without, with_pages = (statistics.median(pair[index][name] for pair in rounds) for index in (0, 1))
        change = f"{with_pages - without:+.2f}"
        if name != "share":
            change = f"{100 * (statistics.median(after[name] / before[name] for before, after in rounds) - 1):+.1f} %"
        print(f"  {title}: {without:.2f} without, {with_pages:.2f} with: {change}")


def _measure(pages: int, seconds: float) -> dict[str, float]:
    with serve_contender("posewire") as (url, spoken, token, pid), _pages(url, token, pages):
        before, began = cpu(pid) or 0.0, time.monotonic()
        time.sleep(seconds)
        found = {"share": 100 * ((cpu(pid) or 0.0) - before) / (time.monotonic() - began)}
        for scenario in ("echo", "fanout"):
            found |= run_load(Task(scenario, url, spoken, token, pid, seconds, ROOMS))
    return found


@contextmanager
def _pages(url: str, token: str, count: int) -> Iterator[None]:
    if not count:
        yield
        return
    command = ["nice", "-n", "10", sys.executable, __file__, "--pages", str(count), "--open", url, token]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as browser:
        assert browser.stdin is not None
        assert browser.stdout is not None
        if browser.stdout.readline() != "open\n":
            raise SystemExit("the pages could not be opened")
        yield
        browser.stdin.close()


def _open_pages(url: str, token: str, count: int) -> None:
    """Open pages, say so, and keep them open until standard input ends."""
    base = f"http://{urlsplit(url).netloc}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS), headless=True)
        context = browser.new_context()
        context.request.post(f"{base}/api/session", data={"token": token})
        for number in range(count):
            page = context.new_page()
            page.goto(f"{base}/#/{VIEWS[number % len(VIEWS)]}")
            page.locator(".top .state.good").wait_for(timeout=600_000)
        print("open", flush=True)
        sys.stdin.read()
        browser.close()


if __name__ == "__main__":
    main()
