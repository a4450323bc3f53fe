"""What ten open pages cost the host, and its relay: a program, not a test.

    PYTHONPATH=host:tests .venv/bin/python tests/browser/cost_of_pages.py

In each round, in turn: without pages; with a program that asks what such pages ask, as often; and with the pages in a
real browser, in the views that ask most. Each time: the share of a processor that the host uses while nothing is
relayed, and the relay's figures (`posewire bench relay`) beside it. The program tells what the pages cost the host: a
browser is on another machine in life, and on the same cores takes their caches. It gives way to the rest (nice 10).
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import aiohttp
from playwright.sync_api import Request, sync_playwright

import posewire
from browser.chromium import ARGUMENTS, find_chromium
from posewire.bench.relay import run_load, serve_contender
from posewire.bench.relay_load import Task, cpu

VIEWS = ("devices", "rooms", "talk", "health", "new")
ROOMS = 20
RECORDED_S = 12.0
WITHOUT, ASKED, SHOWN = "without", "with what pages ask", "with pages"
STATES = (WITHOUT, ASKED, SHOWN)
Wishes = list[tuple[str, str, float]]
"""What a page asks: path, Cache-Control, how often a second."""

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
    parser.add_argument("--ask", nargs=2, metavar=("URL", "TOKEN"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.open:
        _open_pages(*args.open, args.pages)
        return
    if args.ask:
        asyncio.run(_ask(*args.ask, json.loads(sys.stdin.readline())))
        return
    wishes = _record_wishes() * (args.pages // len(VIEWS))
    rounds = []
    for number in range(1, args.rounds + 1):
        found = [_measure(state, args.pages, wishes, args.seconds) for state in STATES]
        rounds.append(found)
        for name, title in FIGURES.items():
            print(f"round {number}: {title}: {_in_words([figures[name] for figures in found])}", flush=True)
    print(f"medians of {args.rounds} rounds, {args.pages} pages:")
    for name, title in FIGURES.items():
        print(
            f"  {title}: {_in_words([statistics.median(one[i][name] for one in rounds) for i in range(len(STATES))])}"
        )
        if name != "share":
            ratios = [statistics.median(one[i][name] / one[0][name] for one in rounds) for i in (1, 2)]
            print(f"    {', '.join(f'{100 * (ratio - 1):+.1f} %' for ratio in ratios)}")


def _in_words(values: list[float]) -> str:
    return ", ".join(f"{value:.2f} {state}" for value, state in zip(values, STATES, strict=True))


def _measure(state: str, pages: int, wishes: list[Wishes], seconds: float) -> dict[str, float]:
    with serve_contender("posewire") as (url, spoken, token, pid), _visitors(state, url, token, pages, wishes):
        before, began = cpu(pid) or 0.0, time.monotonic()
        time.sleep(seconds)
        found = {"share": 100 * ((cpu(pid) or 0.0) - before) / (time.monotonic() - began)}
        for scenario in ("echo", "fanout"):
            found |= run_load(Task(scenario, url, spoken, token, pid, seconds, ROOMS))
    return found


@contextmanager
def _visitors(state: str, url: str, token: str, pages: int, wishes: list[Wishes]) -> Iterator[None]:
    if state == WITHOUT:
        yield
        return
    how = ["--open", url, token] if state == SHOWN else ["--ask", url, token]
    command = ["nice", "-n", "10", sys.executable, __file__, "--pages", str(pages), *how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as visitors:
        assert visitors.stdin is not None
        assert visitors.stdout is not None
        visitors.stdin.write(json.dumps(wishes) + "\n")
        visitors.stdin.flush()
        if visitors.stdout.readline() != "open\n":
            raise SystemExit("the pages could not be opened")
        yield
        visitors.stdin.close()


def _record_wishes() -> list[Wishes]:
    """Return what a page of each view asks while nothing is done on it."""
    found = []
    with serve_contender("posewire") as (url, _, token, _), sync_playwright() as playwright:
        base = f"http://{urlsplit(url).netloc}"
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS), headless=True)
        for view in VIEWS:
            context = browser.new_context()
            context.request.post(f"{base}/api/session", data={"token": token})
            page = context.new_page()
            page.goto(f"{base}/#/{view}")
            page.locator(".top .state.good").wait_for(timeout=60_000)
            asked: Counter[tuple[str, str]] = Counter()

            def note(request: Request, asked: Counter[tuple[str, str]] = asked) -> None:
                asked[urlsplit(request.url).path, request.headers.get("cache-control", "no-cache")] += 1

            page.on("request", note)
            page.wait_for_timeout(1000 * RECORDED_S)
            found.append([(path, wish, count / RECORDED_S) for (path, wish), count in asked.items()])
            context.close()
        browser.close()
    return found


async def _ask(url: str, token: str, pages: list[Wishes]) -> None:
    """Ask what pages ask, each with a connection of its own, until standard input ends."""
    base = f"http://{urlsplit(url).netloc}"

    async def again(session: aiohttp.ClientSession, path: str, wish: str, rate: float) -> None:
        while True:
            async with session.get(base + path, headers={"Cache-Control": wish}) as answer:
                await answer.read()
            await asyncio.sleep(1 / rate)

    async def visit(wishes: Wishes) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            posewire.connect(url, token=token, heartbeat_s=2.0),
            aiohttp.ClientSession(headers=headers) as session,
        ):
            await asyncio.gather(*(again(session, *wish) for wish in wishes))

    visiting = [asyncio.create_task(visit(wishes)) for wishes in pages]
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in visiting:
        task.cancel()
    await asyncio.gather(*visiting, return_exceptions=True)


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
