"""Talking from the page: in Chromium, against a real host."""

import re

import pytest
from playwright.async_api import expect

from browser.conftest import Watched, picture
from browser.visits import DEVICE, board, open_view, speak
from posewire.errors import ProviderError
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.server.state.settings import TurnSettings
from posewire.wire.opus import require_opus
from support.hosts import http_url, running
from support.peers import Peers
from support.recordings import recording
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


async def test_what_was_heard_and_said_is_played_again(watched: Watched) -> None:
    """By keyboard, one sound at a time; a button says what it does, and that it plays."""
    page = watched.page
    # A busy machine looks later than a word takes.
    await page.add_init_script(
        """const play = Audio.prototype.play;
        Audio.prototype.play = function () { this.playbackRate = 0.2; return play.call(this); };"""
    )
    async with running(Settings(server=ServerSettings(port=0), turns=TurnSettings(sound=True))) as host:
        peers = Peers(host.url)
        peer = await board(peers, 1)
        await speak(peer, recording("command-turn_on_the_light-rms"))
        await peer.receive("tts", state="stop")
        await open_view(page, host, f"talk/{DEVICE}")
        await expect(page.get_by_text("This host keeps the sound of the last turns")).to_be_visible()
        heard = page.get_by_role("button", name=re.compile(r"^Play what was heard at "))
        said = page.get_by_role("button", name=re.compile(r"^Play what was said at "))
        stop_heard = page.get_by_role("button", name=re.compile(r"^Stop: Play what was heard at "))
        async with page.expect_response(re.compile(r"/heard\.wav$")) as sound:
            await heard.focus()
            await page.keyboard.press("Enter")
        assert (await (await sound.value).body())[:4] == b"RIFF"
        await expect(stop_heard).to_be_focused()
        await page.screenshot(path=picture("talk-play"))
        # Another one silences it; each ends by itself.
        await said.click()
        await expect(heard).to_be_visible()
        await expect(page.get_by_role("button", name=re.compile(r"^Stop: Play what was said at "))).to_be_visible()
        await expect(said).to_be_visible()
        await heard.click()
        await stop_heard.press("Space")
        await expect(heard).to_be_focused()
        # What made room for newer sounds is said, not silence: by a page that has not heard of it yet.
        await page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })")
        host.services.turns.sounds.forget_device(DEVICE)
        await heard.click()
        await expect(page.get_by_text("This sound is not kept any more.")).to_be_visible()
        await page.evaluate("delete document.hidden")
        await expect(heard).to_have_count(0)
        page.once("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("button", name="Forget it").click()
        await expect(page.get_by_text("It is forgotten.")).to_be_visible()
        await expect(page.locator(".turn")).to_have_count(0)
        assert host.services.turns.of(DEVICE) == []
        watched.errors = [error for error in watched.errors if "404" not in error]
        await peers.close()
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


async def test_what_a_host_refuses_is_said_in_the_language_of_the_page(watched: Watched) -> None:
    """What the code means, and the host's own words, which name what it is about."""
    page = watched.page
    async with running(Settings(server=ServerSettings(port=0))) as host:
        await page.goto(http_url(host, "/"))
        for language, words in (
            ("en", "the device {} is not connected"),
            ("zh", "没有找到（the device {} is not connected）"),
        ):
            await page.evaluate(f"localStorage.setItem('language', '{language}')")
            await page.goto("about:blank")
            await open_view(page, host, f"talk/{DEVICE}")
            question = page.locator("input[name=text]").first
            await question.fill("what time is it")
            await question.press("Enter")
            await expect(page.locator(".note.bad", has_text="is not connected").last).to_have_text(words.format(DEVICE))
            await page.goto(http_url(host, "/"))
        await page.goto("about:blank")
    watched.errors = [error for error in watched.errors if "404" not in error]
