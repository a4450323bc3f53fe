"""What ten open pages cost the host: a program, not a test.

    PYTHONPATH=host:tests .venv/bin/python tests/browser/cost_of_pages.py

The share of a processor that a host uses with pages in a real browser open, in the views that ask most, less what it
uses without. All that is no relay's: so many percent less is what the relay can have at most.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

from browser.chromium import ARGUMENTS, find_chromium
from posewire.bench.relay import serve_contender
from posewire.bench.relay_load import cpu

VIEWS = ("devices", "rooms", "talk", "health", "new")


def main() -> None:
    """Measure, and print each round and the median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--pages", type=int, default=10, help="open pages (default 10)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of one measurement (default 20)")
    args = parser.parse_args()
    shares = []
    for number in range(1, args.rounds + 1):
        without, with_pages = _share(0, args.seconds), _share(args.pages, args.seconds)
        shares.append(with_pages - without)
        print(f"{number}: {100 * without:.2f} % of a core without, {100 * with_pages:.2f} % with pages", flush=True)
    print(f"median {100 * statistics.median(shares):.2f} % for {args.pages} pages")


def _share(pages: int, seconds: float) -> float:
    with serve_contender("posewire") as (url, _, token, pid), _open_pages(url, token, pages):
        before, began = cpu(pid) or 0.0, time.monotonic()
        time.sleep(seconds)
        return ((cpu(pid) or 0.0) - before) / (time.monotonic() - began)


@contextmanager
def _open_pages(url: str, token: str, count: int) -> Iterator[None]:
    if not count:
        yield
        return
    base = f"http://{urlsplit(url).netloc}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS), headless=True)
        context = browser.new_context()
        context.request.post(f"{base}/api/session", data={"token": token})
        for number in range(count):
            page = context.new_page()
            page.goto(f"{base}/#/{VIEWS[number % len(VIEWS)]}")
            page.locator(".top .state.good").wait_for(timeout=120_000)
        yield
        browser.close()


if __name__ == "__main__":
    main()
