"""Who may see the page, and how they come in: in Chromium, against a real host."""

import asyncio
import re
import shlex
from dataclasses import replace
from pathlib import Path
from shutil import which

import pytest
from playwright.async_api import Browser, expect

import posewire
from browser.conftest import picture
from browser.visits import TOKEN
from posewire.cli import main
from posewire.identity.settings import AuthSettings
from posewire.server.host import Config, Host
from posewire.server.settings import Settings, load_settings
from support.hosts import http_url, running, settings

# A browser on a loaded machine may take its time.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]


GIVEN = """async path => {
    const answer = await fetch(path);
    return [answer.status, (await answer.json()).members?.map((member) => member.device).slice(0, 1) ?? null];
}"""


async def test_signing_in_and_a_link_to_look(chromium: Browser) -> None:
    async with (
        running(replace(settings(), auth=AuthSettings(token=TOKEN, pairing=True))) as host,
        posewire.connect(host.url, device="ann", token=TOKEN) as ann,
    ):
        await ann.join("studio", publish=["pose"])
        context = await chromium.new_context()
        page = await context.new_page()
        await page.goto(http_url(host, "/#/devices"))
        await page.get_by_role("textbox", name="Token").fill("not the token")
        await page.get_by_role("button", name="Sign in").click()
        # In plain words, not in those of the protocol.
        await expect(page.get_by_role("status")).to_have_text(re.compile("This host does not know that token"))
        await page.screenshot(path=picture("sign-in"))
        await page.get_by_role("textbox", name="Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await expect(page.locator(".top .state")).to_have_class(re.compile("good"))
        await page.goto(http_url(host, "/#/rooms/studio"))
        await page.get_by_role("button", name="Link to look").click()
        # For a telephone, too: what is drawn is that address.
        code = page.get_by_role("img", name="A QR code of http")
        await expect(code).to_be_visible()
        assert await code.evaluate("image => image.complete && image.naturalWidth > 0")
        await page.screenshot(path=picture("room-link"))
        address = await page.locator(".note pre").text_content()
        assert address is not None
        viewer = await (await chromium.new_context()).new_page()
        await viewer.goto(address)
        await expect(viewer.get_by_role("heading", name="studio")).to_be_visible()
        # What people call it, but nothing of another room.
        assert await viewer.evaluate(GIVEN, "/api/rooms/studio") == [200, ["ann"]]
        assert await viewer.evaluate(GIVEN, "/api/rooms/other") == [403, None]
        await expect(viewer.get_by_role("row", name="ann")).to_be_visible()
        assert "link=" not in viewer.url
        await expect(viewer.locator("nav a")).to_have_count(1)
        # Who has made the link tries it, and loses nothing by that: neither in a new tab nor in the one that is open.
        second = await context.new_page()
        await second.goto(address)
        await expect(second.get_by_role("row", name="ann").first).to_be_visible()
        await expect(second.locator("nav a")).to_have_count(5)
        await second.goto(http_url(host, "/#/devices"))
        await second.evaluate("address => { location.hash = new URL(address).hash; }", address)
        await expect(second.get_by_role("heading", name="studio")).to_be_visible()
        assert "link=" not in second.url
        await second.close()
        # A sign-in that has ended, seen by a page that is open, is not asked for again and again.
        await page.goto(http_url(host, "/#/devices"))
        await context.clear_cookies()
        await expect(page.get_by_role("textbox", name="Token")).to_be_visible()
        await page.get_by_role("textbox", name="Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("textbox", name="Token")).to_be_visible()
        await viewer.goto(address.replace("link=", "link=x"))
        await expect(viewer.get_by_role("row", name="ann")).to_be_visible()
        await viewer.context.clear_cookies()
        await viewer.goto("about:blank")
        await viewer.goto(address.replace("link=", "link=x"))
        await expect(viewer.get_by_text("This link lets nobody in any more")).to_be_visible()
        await viewer.context.close()
        await context.close()


async def test_the_commands_for_a_token_are_right(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who is not known gets commands that work as they stand, also where the host runs from a file."""
    path = tmp_path_factory.mktemp("host") / "posewire.toml"
    path.write_text(f'[server]\nport = 0\n[voice]\nenabled = false\n[store]\npath = "{path.parent / "host.db"}"\n')

    def read(file: Path) -> Settings:
        return load_settings(file, TOKEN)

    host = Host(read(path), Config(lambda: read(path), path, read))
    await host.start()
    context = await chromium.new_context()
    page = await context.new_page()
    try:
        await page.goto(http_url(host, "/"))
        commands = page.locator("pre")
        await expect(commands).to_have_count(2)
        for command, most in zip(await commands.all_text_contents(), (False, True), strict=True):
            words = shlex.split(command)
            assert Path(which(words[0]) or "").name == "posewire"
            assert "FILE" not in command
            assert await asyncio.to_thread(main, words[1:]) == 0
            token = capsys.readouterr().out.strip()
            await page.get_by_role("textbox", name="Token").fill(token)
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("link", name="Devices")).to_be_visible()
            await page.goto(http_url(host, "/#/health"))
            await expect(page.get_by_role("heading", name="Configuration")).to_have_count(1 if most else 0)
            await expect(page.get_by_text("Your token does not allow this.")).to_have_count(0)
            await page.get_by_role("button", name="Sign out").click()
            await expect(page.get_by_role("textbox", name="Token")).to_be_visible()
    finally:
        await context.close()
        await host.stop()
