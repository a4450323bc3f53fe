"""Chromium for the tests of a file, and a host for each of them, which a link can cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

import posewire
from browser.chromium import ARGUMENTS, UnavailableError, find_chromium
from browser.visits import publish
from client.conftest import Link
from posewire.server.host import Host
from support.hosts import running, settings
from support.peers import Peers

# A loaded machine may be slow.
expect.set_options(timeout=30_000)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    try:
        path = find_chromium()
    except UnavailableError as error:
        pytest.skip(f"no Chromium: {error}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS), headless=True)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def host() -> AsyncIterator[Host]:
    async with running(settings(resume_window=5.0, max_connections=64)) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def link(host: Host) -> AsyncIterator[Link]:
    between = Link(host.url)
    await between.start()
    yield between
    await between.close()


@pytest_asyncio.fixture(loop_scope="module")
async def other_site() -> AsyncIterator[int]:
    """A web server on this machine that is not the host: its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


# Without a graphics card each frame of a scene costs processor time: ten a second show as much as sixty. The loop of
# the scene calls itself "frame"; all other frames are the page's own and come as they are asked for.
FEW_FRAMES = """
(() => {
  const draw = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (f) => f.name === "frame" ? setTimeout(() => draw(f), 100) : draw(f);
})();
"""


async def new_page(browser: Browser) -> Page:
    """Return a page, in a context of its own, that draws few frames a second."""
    page = await (await browser.new_context()).new_page()
    await page.add_init_script(FEW_FRAMES)
    return page


class Watched:
    """A page of a browser that notes what goes wrong in it, and where it asks for something."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.origins: set[str] = set()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self._note(said.type, said.text))
        page.on("request", lambda request: self.origins.add("/".join(request.url.split("/")[:3])))

    def _note(self, kind: str, text: str) -> None:
        # Chromium reports each attempt to reach a host that is away, or that the page broke off itself; on a loaded
        # machine also a WebSocket that took too long, and the status by which the client finds out why (426).
        reported = ("WebSocket connection to", "Failed to load resource: net::")
        if kind == "error" and not text.startswith(reported) and "status of 426" not in text:
            self.errors.append(text)


@pytest_asyncio.fixture(loop_scope="module")
async def watched(chromium: Browser, link: Link) -> AsyncIterator[Watched]:
    """A page, closed before the host. The test fails where it reports an error that is left in ``errors``."""
    found = Watched(await new_page(chromium))
    yield found
    await found.page.context.close()
    assert found.errors == []


@pytest_asyncio.fixture(loop_scope="module")
async def peers(host: Host) -> AsyncIterator[Peers]:
    opened = Peers(host.url)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def four(host: Host) -> AsyncIterator[None]:
    """Four programs that publish skeletons in the room "studio"."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        tasks = []
        for name in ("ann", "bob", "cem", "dora"):
            connection = await stack.enter_async_context(posewire.connect(host.url, device=name))
            tasks.append(asyncio.create_task(publish(await connection.join("studio", publish=["pose"]), stop)))
        yield
        stop.set()
        await asyncio.gather(*tasks)


def picture(name: str) -> Path:
    """Return where the picture of a view is kept, to be looked at."""
    folder = Path(__file__).parents[2] / "build" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.png"
