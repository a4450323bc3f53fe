"""The client in a page of another server than the host's: with a token, without one, and where it may not be."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

import posewire
from browser.conftest import new_page
from browser.web_client.conftest import body
from docs.pages import block
from posewire.identity.settings import AuthSettings
from posewire.server.host import Host
from support.hosts import http_url, running, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "a-token-that-is-long-enough"
LOAD = "async (url) => { Object.assign(window, await import(url)); }"
SAY = "(error) => [error.name, error.code, error.message]"


@pytest_asyncio.fixture(loop_scope="module")
async def closed_host() -> AsyncIterator[Host]:
    async with running(replace(settings(), auth=AuthSettings(token=TOKEN))) as host:
        yield host


@pytest_asyncio.fixture(loop_scope="module")
async def page(chromium: Browser, other_site: int) -> AsyncIterator[Page]:
    found = await new_page(chromium)
    await found.goto(f"http://127.0.0.1:{other_site}/")
    yield found
    await found.context.close()


async def test_a_page_with_a_token_imports_the_client_from_the_host(page: Page, closed_host: Host) -> None:
    await page.evaluate(LOAD, http_url(closed_host, "/posewire/v1/client/posewire.js"))
    async with posewire.connect(closed_host.url, device="stage", token=TOKEN) as stage:
        sender = (await stage.join("studio", publish=["pose"])).sender()
        seen = asyncio.create_task(
            page.evaluate(
                """async (token) => {
                  const host = await connect(undefined, { token });
                  const room = await host.join("studio");
                  for await (const pose of room.poses()) return pose.device;
                }""",
                TOKEN,
            )
        )
        while not seen.done():
            sender.send(body=body(1))
            await asyncio.wait([seen], timeout=0.02)
        assert seen.result() == "stage"


async def test_what_the_documentation_shows_connects(page: Page, closed_host: Host) -> None:
    source = block("docs/web-client.md", "js", 1).replace("http://posewire.local:8000/", http_url(closed_host, "/"))
    script = source.replace("…", TOKEN) + "window.state = host.state;"
    await page.add_script_tag(content=script, type="module")
    await page.wait_for_function("window.state === 'connected'")


async def test_a_page_learns_why_it_is_not_let_in(page: Page, closed_host: Host) -> None:
    await page.evaluate(LOAD, http_url(closed_host, "/posewire/v1/client/posewire.js"))
    place = closed_host.url.removesuffix("/posewire/v1/")
    name, code, message = await page.evaluate(f"connect(undefined, {{ token: 'not the token' }}).catch({SAY})")
    assert (name, code) == ("UnauthorizedError", "unauthorized")
    assert message.startswith(f"the host at {place} refuses the token (")
    found = await page.evaluate(f"connect().catch({SAY})")
    assert found == ["UnauthorizedError", "unauthorized", f"the host at {place} wants a token"]


async def test_a_page_tells_nobody_from_somebody_else(page: Page, closed_host: Host, other_site: int) -> None:
    await page.evaluate(LOAD, http_url(closed_host, "/posewire/v1/client/posewire.js"))
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    found = await page.evaluate(f"connect('ws://127.0.0.1:{port}/posewire/v1/').catch({SAY})")
    assert found == ["HostUnreachableError", "not_available", f"the host at ws://127.0.0.1:{port} cannot be reached"]
    name, code, message = await page.evaluate(f"connect('ws://localhost:{other_site}/').catch({SAY})")
    assert (name, code) == ("HostUnreachableError", "not_a_host")
    assert message.startswith(f"what answers at ws://localhost:{other_site} is not a Posewire host (")
    name, code, message = await page.evaluate(f"connect('ws://127.0.0.1:{other_site}/').catch({SAY})")
    assert (code, message.endswith("(it answers 200)")) == ("not_a_host", True)


async def test_a_host_without_authentication_shows_itself_to_pages_that_it_names(
    page: Page, host: Host, other_site: int
) -> None:
    client = http_url(host, "/posewire/v1/client/posewire.js")
    assert await page.evaluate(f"import('{client}').catch((error) => error.name)") == "TypeError"
    allowed = AuthSettings(allowed_origins=frozenset({f"http://127.0.0.1:{other_site}"}))
    async with running(replace(settings(), auth=allowed)) as named:
        await page.evaluate(LOAD, http_url(named, "/posewire/v1/client/posewire.js"))
        assert await page.evaluate("connect().then((host) => host.state)") == "connected"
