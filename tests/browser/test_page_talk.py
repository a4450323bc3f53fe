"""Talking from the page: in Chromium, against a real host."""

import pytest
from playwright.async_api import expect

from browser.conftest import Watched, picture
from browser.visits import DEVICE, board, open_view
from posewire.errors import ProviderError
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.wire.opus import require_opus
from support.hosts import running
from support.peers import Peers
from support.waiting import eventually

# A browser on a loaded machine may take its time.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]


async def test_talking_from_the_page(watched: Watched) -> None:
    """A question in writing is answered aloud; the page shows what was heard and said, and where the time went."""
    page = watched.page
    async with running(Settings(server=ServerSettings(port=0))) as host:
        await open_view(page, host, "talk")
        await expect(page.get_by_text("Nothing was said from this page yet.")).to_be_visible()
        await page.get_by_role("textbox", name="Ask in writing").fill("what time is it")
        await page.keyboard.press("Enter")
        turn = page.locator(".turn").first
        await expect(turn).to_contain_text("what time is it", timeout=30_000)
        await expect(turn).to_contain_text("answered", timeout=30_000)
        await expect(turn.locator(".waterfall")).to_contain_text("in all")
        await page.screenshot(path=picture("talk-turn"))
        # What was said is there still after a look at something else.
        await page.get_by_role("link", name="Health").click()
        await page.get_by_role("link", name="Talk").click()
        await expect(turn).to_contain_text("what time is it")
        await page.goto("about:blank")


async def test_the_page_talks_in_opus_where_it_can(watched: Watched) -> None:
    page = watched.page
    try:
        require_opus()
    except ProviderError as error:
        pytest.skip(str(error))
    async with running(Settings(server=ServerSettings(port=0))) as host:
        await open_view(page, host, "talk")
        await expect(page.get_by_text("Sound goes as Opus, 16 kHz.")).to_be_visible()
        await page.get_by_role("button", name="Speak").click()

        def heard() -> bool:
            (talking,) = [peer for peer in host.services.registry if peer.device_id.startswith("page-")] or [None]
            return talking is not None and talking.uplink.format == "opus" and talking.voice.level is not None

        # What the microphone gives is encoded in the browser and decoded here.
        await eventually(heard)
        await page.get_by_role("textbox", name="Ask in writing").fill("what time is it")
        await page.keyboard.press("Enter")
        await expect(page.locator(".turn").first).to_contain_text("answered", timeout=30_000)
        await page.goto("about:blank")


async def test_the_page_talks_in_pcm_where_the_host_has_no_opus(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = watched.page
    monkeypatch.setattr("posewire.server.http.sign_in.opus_available", lambda: False)
    async with running(Settings(server=ServerSettings(port=0))) as host:
        await open_view(page, host, "talk")
        await expect(page.get_by_text("Sound goes as PCM, 16 kHz")).to_be_visible()
        await page.get_by_role("textbox", name="Ask in writing").fill("what time is it")
        await page.keyboard.press("Enter")
        await expect(page.locator(".turn").first).to_contain_text("answered", timeout=30_000)
        await page.goto("about:blank")


async def test_a_host_without_a_voice_offers_no_talk(watched: Watched, host: Host, peers: Peers) -> None:
    page = watched.page
    await board(peers, 1)
    for view in ("talk", f"talk/{DEVICE}"):
        await page.goto("about:blank")
        await open_view(page, host, view)
        await expect(page.get_by_text("This host runs without a voice")).to_be_visible()
        await expect(page.get_by_role("textbox", name="Ask in writing")).to_have_count(0)
        await expect(page.get_by_role("button", name="Speak")).to_have_count(0)
