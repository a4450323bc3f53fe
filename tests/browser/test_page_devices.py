"""Devices, as the page shows them and deals with them: in Chromium, against a real host."""

import asyncio
import json
import re
from dataclasses import replace

import pytest
from playwright.async_api import Browser, expect

from browser.conftest import Watched, picture
from browser.visits import DEVICE, TOKEN, board, open_view, until
from posewire.identity.settings import AuthSettings
from posewire.server.host import Host
from posewire.sim.board import SimBoard
from posewire.sim.memory_model import ROOMY_CHIP
from support.hosts import http_url, running, settings
from support.peers import Peers

# A browser on a loaded machine may take its time.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]


async def test_devices_are_listed_and_looked_at(watched: Watched, host: Host, peers: Peers) -> None:
    page = watched.page
    first = await board(peers, 1)
    await board(peers, 2, crash="Traceback: it fell over", battery=7)
    await open_view(page, host, "devices")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(2)
    # Who is in trouble comes first.
    await expect(rows.first).to_contain_text("has crashed")
    await expect(page.get_by_role("heading", name="Devices 2")).to_contain_text("in trouble: 1")
    await page.get_by_role("searchbox").fill("crashed")
    await expect(rows).to_have_count(1)
    await page.get_by_role("searchbox").fill("00:01")
    await expect(rows).to_have_count(1)
    await page.get_by_role("link", name=DEVICE).click()
    await expect(page.locator("dl.facts")).to_contain_text("esp32s3-box")
    await page.screenshot(path=picture("device"))
    rename = page.get_by_role("form", name="Rename")
    await rename.get_by_role("textbox").fill("kitchen")
    await page.keyboard.press("Enter")
    await expect(rows.first).to_contain_text("kitchen")
    await expect(page.get_by_text("It is called kitchen now.")).to_be_visible()
    await first.send(type="goodbye")
    await expect(rows).to_have_count(0)
    await expect(page.get_by_text(f"The device {DEVICE} is not here")).to_be_visible()


async def test_a_board_that_was_lost_stays_in_the_list(watched: Watched, host: Host, peers: Peers) -> None:
    """Nobody has paired it, and it did not say goodbye: that it is gone is what one wants to see."""
    page = watched.page
    first = await board(peers, 1)
    await board(peers, 2)
    await open_view(page, host, f"devices/{DEVICE}")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(2)
    first.socket.transport.abort()
    await expect(rows.first).to_contain_text("lost at")
    await expect(rows.first).to_contain_text(DEVICE)
    await expect(page.locator("dl.facts")).to_contain_text("Connection lost")
    again = await board(peers, 1)
    await expect(page.get_by_text("lost at")).to_have_count(0)
    await again.send(type="goodbye")
    await expect(rows).to_have_count(1)
    # Its tools may have been asked for before the page knew.
    watched.errors = [error for error in watched.errors if "404" not in error]


async def test_a_device_of_many_is_seen_as_soon_as_it_is_chosen(watched: Watched, host: Host, peers: Peers) -> None:
    page = watched.page
    for number in range(40):
        await board(peers, number)
    await open_view(page, host, "devices")
    link = page.get_by_role("link", name="aa:bb:cc:00:00:1f")
    await link.focus()
    await page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name="aa:bb:cc:00:00:1f")
    await expect(heading).to_be_in_viewport()
    await expect(heading).to_be_focused()
    await page.get_by_role("link", name="Close").click()
    await expect(link).to_be_focused()
    await page.goto("about:blank")
    await open_view(page, host, "devices/aa:bb:cc:00:00:1f")
    await expect(heading).to_be_visible()
    assert await page.evaluate("document.activeElement === document.body")


async def test_a_board_is_set_from_the_page(watched: Watched, host: Host) -> None:
    """A form from what the real firmware says of its settings; the board keeps what is right, and refuses the rest."""
    page = watched.page
    with SimBoard(host.url, chip=ROOMY_CHIP, imu=False) as simulated:
        await asyncio.to_thread(simulated.wait_connected)
        await open_view(page, host, f"devices/{simulated.device_id}")
        await expect(page.get_by_role("button", name="Identify")).to_be_visible()
        await page.screenshot(path=picture("board"))
        await page.get_by_text("Settings of the board").click()
        form = page.get_by_role("form", name="Settings of the board")
        volume = form.get_by_label("audio.volume")
        await expect(volume).to_have_attribute("max", "100")
        await volume.fill("35")
        await form.get_by_label("listen.start").select_option("voice")
        await form.get_by_label("pose.room").fill("studio")
        await page.screenshot(path=picture("board-settings"), full_page=True)
        await form.get_by_role("button", name="Keep on the board").click()
        await expect(page.get_by_text("Kept: audio.volume, listen.start, pose.room")).to_be_visible()
        kept = json.loads((simulated.flash / "config.json").read_text())
        assert (kept["audio"]["volume"], kept["listen"]["start"], kept["pose"]["room"]) == (35, "voice", "studio")
        await form.get_by_label("host.url").fill("http://wrong")
        await form.get_by_role("button", name="Keep on the board").click()
        await expect(page.get_by_text("host.url must be a ws:// or wss:// URL")).to_be_visible()
        # The browser tells of the host's refusal.
        assert [error for error in watched.errors if "400" not in error] == []
        watched.errors.clear()
        await page.goto("about:blank")


async def test_who_waits_is_paired_or_refused_by_a_click(chromium: Browser) -> None:
    async with running(replace(settings(), auth=AuthSettings(token=TOKEN, pairing=True))) as host:
        waiting = await host.services.identities.want_pairing(DEVICE, "c", "esp32-devkit", "10.0.0.7")
        context = await chromium.new_context()
        page = await context.new_page()
        await page.goto(http_url(host, "/#/devices"))
        await page.get_by_role("textbox", name="Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text(waiting.code)).to_be_visible()
        await page.screenshot(path=picture("pairing"), full_page=True)
        await page.get_by_role("button", name=f"Pair the device with the code {waiting.code}").dblclick()
        await expect(page.get_by_text("esp32-devkit is paired.")).to_be_visible()
        await expect(page.get_by_text(waiting.code)).to_have_count(0)
        assert host.services.identities.devices[DEVICE].revoked is None
        # A new one is seen at once, also where it was set up; and what came of it is said there.
        await page.goto(http_url(host, "/#/new"))
        unwanted = await host.services.identities.want_pairing("aa:bb:cc:00:00:99", "c", "", "10.0.0.8")
        await page.get_by_role("button", name=f"Refuse the device with the code {unwanted.code}").click()
        await expect(page.get_by_text("aa:bb:cc:00:00:99 is refused")).to_be_visible()
        await expect(page.get_by_text(unwanted.code)).to_have_count(0)
        assert await host.services.identities.pairing_state("aa:bb:cc:00:00:99", "c") == "refused"
        await context.close()


async def test_fifty_devices_do_not_make_the_page_slow(watched: Watched, host: Host, peers: Peers) -> None:
    page = watched.page
    for number in range(1, 51):
        await board(peers, number)
    await open_view(page, host, "devices")
    await expect(page.locator("tbody tr")).to_have_count(50)
    await page.get_by_role("button", name="Signal").click()
    await expect(page.locator("tbody tr").first).to_contain_text("-100 dBm")
    await page.screenshot(path=picture("devices-50"), full_page=True)


async def test_a_first_visitor_tries_a_simulated_board(watched: Watched, host: Host) -> None:
    page = watched.page
    await open_view(page, host, "devices")
    await page.screenshot(path=picture("first-visit"))
    # Who is in doubt whether something happens clicks twice, and wants one board all the same.
    await page.get_by_role("button", name="Try a simulated one").dblclick()
    await page.get_by_role("link", name="02:00:00:00:00").click(timeout=60_000)
    assert len(host.services.sim_boards.describe()) == 1
    await expect(page.locator("dl.facts")).to_contain_text("demo")
    await page.get_by_role("link", name="demo").click()
    await until(page, "globalThis.scene?.streams().some((s) => s.sets.includes('body33') && s.fps > 5)")
    assert await page.evaluate("scene.streams().some((s) => s.sets.includes('imu6'))")
    await page.screenshot(path=picture("demo-room"))
    await page.go_back()
    await page.get_by_role("button", name="End the simulated board").click()
    await expect(
        page.get_by_text("The simulated board is gone.").or_(page.get_by_text("No board is here yet."))
    ).to_be_visible()


async def test_an_update_shows_how_far_it_is_and_why_it_failed(watched: Watched, host: Host, peers: Peers) -> None:
    page = watched.page
    peer = await peers.connect(DEVICE)
    await peer.hello(device={"board": "esp32s3-box", "firmware": "0.1.0"}, features={"update": True})
    await open_view(page, host, f"devices/{DEVICE}")
    await page.get_by_role("button", name="Update its firmware").click()
    await expect(page.get_by_role("status").filter(has_text="asking the board what it has")).to_be_visible()
    await peer.send(type="update", event="failed", code="no_room", message="its flash is full")
    await expect(page.locator(".note")).to_have_text(["The update has failed: its flash is full"])
    await expect(page.get_by_role("button", name="Update its firmware")).to_be_enabled()
    await page.screenshot(path=picture("update-failed"))


async def test_a_host_that_cannot_compile_offers_no_update(
    watched: Watched, host: Host, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = watched.page
    monkeypatch.setattr("posewire.server.http.sign_in.can_compile", lambda: False)
    peer = await peers.connect(DEVICE)
    await peer.hello(device={"board": "esp32s3-box", "firmware": "0.1.0"}, features={"update": True})
    await open_view(page, host, f"devices/{DEVICE}")
    await expect(page.get_by_text("This host cannot update firmware: mpy-cross is missing")).to_be_visible()
    await expect(page.get_by_role("button", name="Update its firmware")).to_have_count(0)
    await page.goto("about:blank")
    await open_view(page, host, "new")
    await page.goto(http_url(host, "/#/devices"))


async def test_the_time_since_a_start_counts_on(watched: Watched, host: Host, peers: Peers) -> None:
    page = watched.page
    await board(peers, 1)  # says once that it has been up for a minute
    await open_view(page, host, "devices")
    up = page.locator("tbody tr td").last
    await expect(up).to_have_text(re.compile(r"6\d s"))
    await expect(up).to_have_text(re.compile(r"(6[3-9]|[7-9]\d|1\d\d) s"))


async def test_a_device_without_tools_is_offered_none(watched: Watched, host: Host, peers: Peers) -> None:
    page = watched.page
    await board(peers, 1)
    await open_view(page, host, f"devices/{DEVICE}")
    await expect(page.get_by_role("link", name="Talk to it")).to_be_visible()
    await expect(page.get_by_role("button", name="Identify")).to_have_count(0)
    # Nor is anybody paired by a host that pairs nobody.
    await expect(page.get_by_role("heading", name="Pair a device")).to_have_count(0)


async def test_a_simulated_board_that_ends_at_once_says_why(
    watched: Watched, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = watched.page
    monkeypatch.setattr("posewire.server.programs.sim_boards._CHIP", "no-such-chip")
    await open_view(page, host, "devices")
    await page.get_by_role("button", name="Try a simulated one").click()
    await expect(page.locator(".note")).to_have_text(["The simulated board has ended. The last that it said:"])
    await expect(page.locator("pre")).to_contain_text("invalid choice: 'no-such-chip'")
