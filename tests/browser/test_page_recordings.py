"""Recordings on the page: in Chromium, against a real host."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

import posewire
from browser.conftest import Watched, new_page, picture
from browser.visits import open_view, publish, until
from posewire.rooms.recording import read_recording
from posewire.server.host import Host
from posewire.server.programs.recording_export import Export
from posewire.store.settings import StoreSettings
from support.hosts import running, settings

# A browser on a loaded machine may take its time.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]


async def test_a_room_is_recorded_and_gone_through(
    watched: Watched, host: Host, four: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = watched.page
    await open_view(page, host, "rooms/studio")
    await until(page, "globalThis.scene?.streams().filter((s) => s.fps > 5).length === 4")
    await page.get_by_role("button", name="Record to a file").click()
    before = await page.evaluate("scene.frames")
    await until(page, f"scene.frames > {before} + 30")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Stop and save").click()
    file = tmp_path_factory.mktemp("recording") / "studio.pwrec"
    await (await download.value).save_as(file)
    # It is what the command line reads, too.
    records = list(read_recording(file))
    assert records[0].event()["room"] == "studio"
    assert {member["device"] for member in records[1].event()["members"]} > {"ann", "bob", "cem", "dora"}
    assert len({record.member_id for record in records if record.kind == 16}) == 4
    await page.goto("about:blank")
    await open_view(page, host, "rooms")
    await page.get_by_label("Open a recording").set_input_files(file)
    await page.get_by_label("Time").fill(str(int(records[-1].time_us / 1000)))
    await until(page, "globalThis.player?.streams().length === 4")
    await page.screenshot(path=picture("recording"))
    # A moment that is looked at for long stays what it was: it does not grow pale and go.
    await page.evaluate(
        """() => {
          const count = { packets: 1, missing: 0, undecodable: 0, sets: [] };
          const pose = { memberId: 99, device: "long ago", stream: 1, values: {}, timeMs: 0, delayMs: 0, count };
          player.update({ ...pose, arrivedMs: -60_000 });
        }"""
    )
    before = await page.evaluate("player.frames")
    await until(page, f"player.frames > {before} + 2")
    assert await page.evaluate("player.streams().length") == 5
    await page.get_by_label("Time").fill("0")
    await expect(page.locator("output")).to_have_text("0.0 s")
    await page.get_by_role("button", name="Play").click()
    await expect(page.locator("output")).not_to_have_text("0.0 s")
    await page.get_by_label("Open a recording").set_input_files({"name": "x.pwrec", "mimeType": "", "buffer": b"no"})
    await expect(page.get_by_text("this is not a recording of a room")).to_be_visible()


async def test_the_host_records_a_room_and_plays_it_again(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("host")
    page, stop_moving = await new_page(chromium), asyncio.Event()
    async with (
        running(replace(settings(), store=StoreSettings(str(folder / "host.db")))) as host,
        posewire.connect(host.url, device="ann") as ann,
    ):
        moving = asyncio.create_task(publish(await ann.join("studio", publish=["pose"]), stop_moving))
        await open_view(page, host, "rooms/studio")
        await until(page, "globalThis.scene?.streams().filter((s) => s.fps > 5).length === 1")
        await page.get_by_role("button", name="Record on the host").click()
        stop = page.get_by_role("button", name="End the host's recording")
        await expect(stop).to_be_visible()
        before = await page.evaluate("scene.frames")
        await until(page, f"scene.frames > {before} + 30")
        await stop.click()
        await expect(page.get_by_role("button", name="Record on the host")).to_be_visible()
        await open_view(page, host, "rooms")
        recording = page.locator("details.item")
        await recording.locator("summary").click()
        await page.get_by_role("button", name="Look at it").click()
        await until(page, "globalThis.player !== undefined")
        await expect(page.get_by_role("heading", name=".pwrec")).to_be_focused()
        await expect(page.get_by_role("heading", name=".pwrec")).to_be_in_viewport()
        await page.get_by_role("button", name="Close").click()
        await expect(page.get_by_label("Time")).to_have_count(0)
        (kept,) = (await host.services.recordings.describe())["recordings"]
        # How far an export is that takes its time.
        making = Export(Path(kept["file"]), "bvh", percent=37)
        host.services.recordings.exports.append(making)
        await expect(page.get_by_role("progressbar", name="Save as bvh")).to_have_js_property("value", 37)
        await page.screenshot(path=picture("recordings"), full_page=True)
        host.services.recordings.exports.remove(making)
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Save as csv").click()
        table = folder / "studio.csv"
        await (await download.value).save_as(table)
        assert ",ann," in table.read_text()
        await recording.get_by_role("textbox", name="Room").fill("stage")
        await page.get_by_role("button", name="Play into a room").click()
        await expect(page.get_by_role("heading", name="stage")).to_be_visible()
        await until(page, "globalThis.scene?.streams().filter((s) => s.fps > 5).length === 1")
        stop_moving.set()
        await moving
        await page.close()
