"""How soon the page is there, and whether it keeps up: a program, not a test.

    PYTHONPATH=host:tests .venv/bin/python tests/browser/speed_of_page.py

The first paint, the first pose after navigation to a room, the pictures a second with four skeletons at 30 poses a
second, and tasks of more than 50 ms within ten seconds with fifty devices listed. Host, publishers and devices are in
this process, beside the browser on the same machine, which draws by software.
"""

import argparse
import asyncio
from contextlib import AsyncExitStack

from playwright.async_api import Browser, Page, async_playwright

import posewire
from browser.chromium import ARGUMENTS, find_chromium
from browser.visits import board, open_view, publish, until
from posewire.server.host import Host
from support.hosts import running, settings
from support.peers import Peers

PUBLISHERS = ("ann", "bob", "cem", "dora")
DEVICES = 50
LOOKED_S = 10.0

COUNTED = """
globalThis.pictures = 0;
globalThis.long = [];
const draw = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (f) => {
  if (f.name === "frame") pictures += 1;
  return draw(f);
};
new PerformanceObserver((list) => long.push(...list.getEntries().map(({ duration }) => duration)))
  .observe({ type: "longtask" });
"""
"""The loop that draws a room calls itself "frame"."""


async def main() -> None:
    """Measure, and print each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="visits for a first paint and a first pose (default 3)")
    args = parser.parse_args()
    async with async_playwright() as playwright, running(settings(max_connections=100)) as host:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS), headless=True)
        paints = [await _first_paint(browser, host) for _ in range(args.rounds)]
        print(f"first contentful paint: {', '.join(f'{ms:.0f}' for ms in paints)} ms", flush=True)
        async with AsyncExitStack() as stack:
            stop, tasks = asyncio.Event(), []
            for name in PUBLISHERS:
                connection = await stack.enter_async_context(posewire.connect(host.url, device=name))
                tasks.append(asyncio.create_task(publish(await connection.join("studio", publish=["pose"]), stop)))
            poses = [await _first_pose(browser, host) for _ in range(args.rounds)]
            print(f"first pose after navigation: {', '.join(f'{ms:.0f}' for ms in poses)} ms", flush=True)
            print(await _pictures(browser, host), flush=True)
            stop.set()
            await asyncio.gather(*tasks)
        print(await _long_tasks(browser, host), flush=True)
        await browser.close()


async def _page(browser: Browser) -> Page:
    page = await (await browser.new_context(viewport={"width": 1280, "height": 860})).new_page()
    await page.add_init_script(COUNTED)
    return page


async def _first_paint(browser: Browser, host: Host) -> float:
    page = await _page(browser)
    await open_view(page, host, "devices")
    found: float = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    await page.context.close()
    return found


async def _first_pose(browser: Browser, host: Host) -> float:
    page = await _page(browser)
    await page.goto(host.url.replace("ws://", "http://").replace("/posewire/v1/", "/#/rooms/studio"))
    await until(page, "globalThis.scene?.streams().length > 0")
    found: float = await page.evaluate("performance.now()")
    await page.context.close()
    return found


async def _pictures(browser: Browser, host: Host) -> str:
    page = await _page(browser)
    await open_view(page, host, "rooms/studio")
    await until(page, f"globalThis.scene?.streams().filter(({{ fps }}) => fps > 5).length === {len(PUBLISHERS)}")
    before = await page.evaluate("[pictures, performance.now()]")
    await asyncio.sleep(LOOKED_S)
    after = await page.evaluate("[pictures, performance.now(), scene.streams().map(({ fps }) => fps)]")
    await page.context.close()
    rate = 1000 * (after[0] - before[0]) / (after[1] - before[1])
    return (
        f"pictures a second with four skeletons at {', '.join(f'{fps:.0f}' for fps in after[2])} a second: {rate:.0f}"
    )


async def _long_tasks(browser: Browser, host: Host) -> str:
    peers = Peers(host.url)
    for number in range(1, DEVICES + 1):
        await board(peers, number)
    page = await _page(browser)
    await open_view(page, host, "devices")
    await until(page, f"document.querySelectorAll('tbody tr').length === {DEVICES}")
    await page.evaluate("void (long.length = 0)")
    await asyncio.sleep(LOOKED_S)
    found = await page.evaluate("long")
    await page.context.close()
    await peers.close()
    return f"tasks of more than 50 ms within {LOOKED_S:.0f} s, {DEVICES} devices listed: {[round(ms) for ms in found]}"


if __name__ == "__main__":
    asyncio.run(main())
