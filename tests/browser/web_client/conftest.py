"""The JavaScript client in a page of Chromium, and a program in the same host."""

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest_asyncio
from playwright.async_api import Page

import posewire
from browser.conftest import Watched
from client.conftest import Link
from posewire.client.connection import HostConnection
from posewire.server.host import Host

LOAD = """async () => {
  Object.assign(window, await import("/posewire/v1/client/posewire.js"));
  window.until = async (condition) => {
    const end = performance.now() + 30000;
    while (!condition()) {
      if (performance.now() > end) throw new Error("it has not come to that: " + condition);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
}"""


async def load(page: Page, url: str) -> None:
    """Open a page of the host that does nothing by itself, and bring the client into it."""
    await page.goto(url.replace("ws://", "http://").replace("/posewire/v1/", "/healthz"))
    await page.evaluate(LOAD)


@pytest_asyncio.fixture(loop_scope="module")
async def page(watched: Watched, link: Link) -> Page:
    await load(watched.page, link.url)
    return watched.page


@pytest_asyncio.fixture(loop_scope="module")
async def stage(host: Host) -> AsyncIterator[HostConnection]:
    """A program in the same host."""
    async with posewire.connect(host.url, device="stage") as connection:
        yield connection


async def join(page: Page, **options: Any) -> None:
    script = "async (options) => { window.host = await connect(); window.room = await host.join('studio', options); }"
    await page.evaluate(script, options)


def body(number: int) -> np.ndarray[Any, Any]:
    return np.full((33, 4), 0.25 + number / 64, np.float32)
