"""The page, as a person uses it: in Chromium, against a real host. Pictures of each view go to build/pictures."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

import posewire
from browser.chromium import UnavailableError, checkers
from browser.conftest import Watched, picture
from browser.motion import skeleton
from client.conftest import Link
from posewire.identity.settings import AuthSettings
from posewire.rooms.recording import read_recording
from posewire.server.host import Config, Host
from posewire.server.settings import ServerSettings, Settings, load_settings
from posewire.sim.board import ROOMY_CHIP, SimBoard
from posewire.store.settings import StoreSettings
from riscv.machine import ROOT
from support.hosts import http_url, running, settings
from support.peers import Peers
from support.waiting import eventually

# A browser on a loaded machine may take its time.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

WEB = ROOT / "host/posewire/web"
TOKEN = "a token that is long enough"
VIEWS = ("devices", "rooms", "rooms/studio", "talk", "health", "new")
DEVICE = "aa:bb:cc:00:00:01"


@pytest_asyncio.fixture(loop_scope="module")
async def peers(host: Host) -> AsyncIterator[Peers]:
    opened = Peers(host.url)
    yield opened
    await opened.close()


async def board(peers: Peers, number: int, **telemetry: Any) -> Any:
    peer = await peers.connect(f"aa:bb:cc:00:00:{number:02x}")
    await peer.hello(device={"board": "esp32s3-box", "firmware": "0.1.0"}, features={"telemetry": True})
    await peer.send(
        type="telemetry", uptime_ms=60000 * number, heap_free=100000 + number, rssi=-50 - number, **telemetry
    )
    await peer.echo()
    return peer


async def publish(room: Any, stop: asyncio.Event, fps: float = 30) -> None:
    """Send the pose of somebody who waves."""
    sender = room.sender(fps=fps)
    for number in range(1_000_000):
        if stop.is_set():
            return
        sender.send(body=skeleton(number / 5))
        await asyncio.sleep(1 / fps)


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


async def open_view(page: Page, host: Host | Link, view: str) -> None:
    await page.goto(host.url.replace("ws://", "http://").replace("/posewire/v1/", f"/#/{view}"))
    await expect(page.locator(".top .state")).to_have_class(re.compile("good"))


def content(file: Path) -> str:
    return file.read_text()


async def until(page: Page, condition: str) -> None:
    """Wait until something is true in the page, whose policy lets nobody evaluate texts for long."""
    async with asyncio.timeout(40):
        while not await page.evaluate(condition):
            await asyncio.sleep(0.05)


async def test_the_page_is_small_and_asks_nobody_else(watched: Watched, host: Host) -> None:
    # What flashes boards comes when a board is flashed.
    shipped = [
        file
        for file in WEB.rglob("*")
        if file.suffix in (".js", ".css", ".html", ".svg") and file.is_file() and file.name != "esptool.js"
    ]
    assert sum(len(gzip.compress(file.read_bytes(), 9)) for file in shipped) < 250_000
    page = watched.page
    answer = await page.goto(http_url(host, "/"))
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["content-encoding"] == "gzip"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for view in VIEWS:
        await open_view(page, host, view)
    assert watched.origins == {http_url(host, "")}
    assert not [url for url in asked if url.endswith("esptool.js")]
    # Everything is there already when it is opened again.
    assert (await page.reload()) is not None
    again = await page.request.get(http_url(host, "/page/app.js"))
    tag = again.headers["etag"]
    assert (await page.request.get(http_url(host, "/page/app.js"), headers={"If-None-Match": tag})).status == 304


@pytest.mark.parametrize("path", ["/page/../client/pose.js", "/page/%2e%2e/%2e%2e/config.py", "/page/", "/page/x.js"])
async def test_nothing_else_of_the_machine_is_served(host: Host, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(http_url(host, "").rpartition(":")[2]))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 404")
    writer.close()


async def test_devices_are_listed_and_looked_at(watched: Watched, host: Host, peers: Peers) -> None:
    page = watched.page
    first = await board(peers, 1)
    await board(peers, 2, crash="Traceback: it fell over", battery=7)
    await open_view(page, host, "devices")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(2)
    # Who is in trouble comes first.
    await expect(rows.first).to_contain_text("has crashed")
    await page.get_by_role("searchbox").fill("00:01")
    await expect(rows).to_have_count(1)
    await page.get_by_role("link", name=DEVICE).click()
    await expect(page.locator("dl.facts")).to_contain_text("esp32s3-box")
    await page.screenshot(path=picture("device"))
    rename = page.get_by_role("form", name="Rename")
    await rename.get_by_role("textbox").fill("kitchen")
    await page.keyboard.press("Enter")
    await expect(rows.first).to_contain_text("kitchen")
    await first.socket.close()
    await expect(rows).to_have_count(0)


async def test_a_board_is_set_from_the_page(watched: Watched, host: Host) -> None:
    """A form from what the real firmware says of its settings; the board keeps what is right, and refuses the rest."""
    page = watched.page
    with SimBoard(host.url, chip=ROOMY_CHIP, imu=False) as simulated:
        await asyncio.to_thread(simulated.wait_connected)
        await open_view(page, host, f"devices/{simulated.device_id}")
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


async def test_who_waits_is_paired_by_a_click(chromium: Browser) -> None:
    async with running(replace(settings(), auth=AuthSettings(token=TOKEN, pairing=True))) as host:
        waiting = await host.services.identities.want_pairing(DEVICE, "c", "esp32-devkit", "10.0.0.7")
        context = await chromium.new_context()
        page = await context.new_page()
        await page.goto(http_url(host, "/#/devices"))
        await page.get_by_role("textbox", name="Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text(waiting.code)).to_be_visible()
        await page.screenshot(path=picture("pairing"), full_page=True)
        await page.get_by_role("button", name=f"Pair the device with the code {waiting.code}").click()
        await expect(page.get_by_text("esp32-devkit is paired.")).to_be_visible()
        await expect(page.get_by_text(waiting.code)).to_have_count(0)
        assert host.services.identities.devices[DEVICE].revoked is None
        await context.close()


async def test_the_configuration_is_changed_from_the_page(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("host") / "posewire.toml"
    path.write_text('[server]\nport = 0\nmax_connections = 50\n[voice]\nenabled = false\n[store]\npath = ":memory:"\n')

    def read(file: Path) -> Settings:
        return load_settings(file, TOKEN)

    host = Host(read(path), Config(lambda: read(path), path, read))
    await host.start()
    page = await chromium.new_page()
    try:
        await page.goto(http_url(host, "/#/health"))
        await page.get_by_role("textbox", name="Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        text = page.get_by_label("The file")
        await text.fill((await text.input_value()).replace("50", "-50"))
        await page.get_by_role("button", name="Check and save").click()
        await expect(page.get_by_text("[server] max_connections must be more than 0, not -50")).to_be_visible()
        await text.fill((await text.input_value()).replace("-50", "70"))
        await page.get_by_role("button", name="Check and save").click()
        await eventually(lambda: host.services.settings.server.max_connections == 70)
        await expect(text).to_have_value(re.compile("max_connections = 70"))
        await expect(page.get_by_text("It is saved.")).to_be_visible()
        await page.get_by_text("What is in force").click()
        await expect(page.get_by_role("row", name="[server] max_connections")).to_contain_text("70")
        await page.screenshot(path=picture("configuration"), full_page=True)
    finally:
        await page.close()
        await host.stop()


async def test_fifty_devices_do_not_make_the_page_slow(watched: Watched, host: Host, peers: Peers) -> None:
    page = watched.page
    for number in range(1, 51):
        await board(peers, number)
    await open_view(page, host, "devices")
    await expect(page.locator("tbody tr")).to_have_count(50)
    await page.get_by_role("button", name="Signal").click()
    await expect(page.locator("tbody tr").first).to_contain_text("-100 dBm")
    await page.screenshot(path=picture("devices-50"), full_page=True)


async def test_four_skeletons_move(watched: Watched, host: Host, four: None) -> None:
    page = watched.page
    await open_view(page, host, "rooms/studio")
    await until(page, "globalThis.scene?.streams().filter((s) => s.fps > 5).length === 4")
    streams = await page.evaluate("scene.streams()")
    assert sorted(stream["device"] for stream in streams) == ["ann", "bob", "cem", "dora"]
    assert all(stream["lost"] == 0 and stream["sets"] == ["body33"] for stream in streams)
    before = await page.evaluate("scene.frames")
    await until(page, f"scene.frames > {before} + 20")
    await expect(page.locator(".stage .label")).to_have_count(4)
    # What is drawn is there: the four colors are in the picture.
    lit = """() => {
      const { gl, canvas } = scene.renderer;
      const pixels = new Uint8Array(4 * canvas.width * canvas.height);
      gl.readPixels(0, 0, canvas.width, canvas.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
      let lit = 0;
      for (let i = 0; i < pixels.length; i += 4) lit += Math.max(pixels[i], pixels[i + 1], pixels[i + 2]) > 150;
      return lit;
    }"""
    assert await page.evaluate(lit) > 2000
    yaw = await page.evaluate("scene.camera.yaw")
    await page.locator("canvas").focus()
    await page.keyboard.press("ArrowLeft")
    assert await page.evaluate("scene.camera.yaw") < yaw
    await page.screenshot(path=picture("room"))
    await page.get_by_label("in one space").check()
    assert await page.evaluate("scene.options.together") is True


async def test_a_restarted_host_finds_the_page_again(chromium: Browser) -> None:
    first = Host(settings(resume_window=5.0))
    await first.start()
    port = int(http_url(first, "").rpartition(":")[2])
    page = await chromium.new_page()
    await open_view(page, first, "rooms/studio")
    await first.stop()
    await expect(page.locator(".top .state")).to_have_class(re.compile("warn"))
    async with running(Settings(server=ServerSettings(port=port), voice=None)) as second:
        await expect(page.locator(".top .state")).to_have_class(re.compile("good"), timeout=40_000)
        stop = asyncio.Event()
        async with posewire.connect(second.url, device="ann") as connection:
            task = asyncio.create_task(publish(await connection.join("studio", publish=["pose"]), stop))
            await until(page, "scene.streams().some((s) => s.fps > 5)")
            stop.set()
            await task
        await page.close()


async def test_the_owner_of_a_room_rules_from_the_page(watched: Watched, host: Host) -> None:
    page = watched.page
    async with posewire.connect(host.url, device="ann") as ann, posewire.connect(host.url, device="bob") as bob:
        room = await ann.join("studio")
        other = await bob.join("studio")
        await open_view(page, host, "rooms/studio")
        await expect(page.locator("section[aria-label='Room studio'] tbody tr")).to_have_count(3)
        this_page = next(member for member in room.members.values() if member.device not in ("ann", "bob"))
        await room.pass_on(this_page.member_id)
        await page.get_by_role("row", name="bob").get_by_role("button", name="Remove").click()
        async with asyncio.timeout(30):
            while other.closed is None:
                await asyncio.sleep(0.01)
        assert other.closed.startswith("kicked")
        await page.get_by_role("button", name="Lock", exact=True).click()
        await expect(page.get_by_role("button", name="Unlock")).to_be_visible()
        assert room.locked


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
        await expect(page.get_by_role("status").filter(has_text="token")).to_be_visible()
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
        shown = await page.locator(".note").text_content()
        assert shown is not None
        address = shown[shown.index("http://") :]
        viewer = await (await chromium.new_context()).new_page()
        await viewer.goto(address)
        await expect(viewer.get_by_role("heading", name="studio")).to_be_visible()
        await expect(viewer.get_by_role("row", name="ann")).to_be_visible()
        assert "link=" not in viewer.url
        await expect(viewer.locator("nav a")).to_have_count(1)
        # A sign-in that has ended, seen by a page that is open, is not asked for again and again.
        await page.goto(http_url(host, "/#/devices"))
        await context.clear_cookies()
        await expect(page.get_by_role("textbox", name="Token")).to_be_visible()
        await page.get_by_role("textbox", name="Token").fill(TOKEN)
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("textbox", name="Token")).to_be_visible()
        await viewer.context.close()
        await context.close()


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])
async def test_everybody_can_use_it(
    watched: Watched, host: Host, peers: Peers, four: None, language: str, theme: str
) -> None:
    """axe finds nothing, nothing is wider than a phone, and each view is pictured."""
    try:
        axe = (checkers() / "axe-core/axe.min.js").read_text()
    except UnavailableError as error:
        pytest.skip(f"no axe-core: {error}")
    page = watched.page
    await board(peers, 1)
    await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    await page.goto(http_url(host, "/"))
    await page.evaluate(f"localStorage.setItem('language', '{language}')")
    for view in (*VIEWS, f"devices/{DEVICE}", f"talk/{DEVICE}"):
        await page.set_viewport_size({"width": 1280, "height": 900})
        await page.goto("about:blank")
        await open_view(page, host, view)
        assert await page.evaluate("document.documentElement.dataset.theme") == theme
        if view.startswith("devices"):
            await expect(page.locator("tbody tr").first).to_be_visible()
        name = view.partition("/")[0] + ("-one" if "/" in view else "")
        await page.screenshot(path=picture(f"{name}-{theme}-{language}"), full_page=True)
        await page.evaluate(axe)
        found = await page.evaluate("axe.run()")
        problems = [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found["violations"]]
        assert problems == [], view
        await page.set_viewport_size({"width": 360, "height": 740})
        await page.screenshot(path=picture(f"{name}-{theme}-{language}-360"), full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360, view


async def test_a_first_visitor_tries_a_simulated_board(watched: Watched, host: Host) -> None:
    page = watched.page
    await open_view(page, host, "devices")
    await page.screenshot(path=picture("first-visit"))
    await page.get_by_role("button", name="Try a simulated one").click()
    await page.get_by_role("link", name="02:00:00:00:00").click(timeout=60_000)
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


async def test_talking_from_the_page(watched: Watched) -> None:
    """A question in writing is answered aloud; the page shows what was heard and said, and where the time went."""
    page = watched.page
    async with running(Settings(server=ServerSettings(port=0))) as host:
        await open_view(page, host, "talk")
        await page.get_by_role("textbox", name="Ask in writing").fill("what time is it")
        await page.keyboard.press("Enter")
        turn = page.locator(".turn").first
        await expect(turn).to_contain_text("what time is it", timeout=30_000)
        await expect(turn).to_contain_text("answered", timeout=30_000)
        await expect(turn.locator(".waterfall")).to_contain_text("total")
        await page.screenshot(path=picture("talk-turn"))
        await page.goto("about:blank")


async def test_the_keyboard_is_enough(watched: Watched, host: Host, peers: Peers) -> None:
    page = watched.page
    await board(peers, 1)
    await open_view(page, host, "rooms")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await page.evaluate("document.body.focus(); document.activeElement.blur()")
    await page.get_by_role("link", name="Devices").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Devices")).to_be_visible()
    await page.get_by_role("link", name=DEVICE).focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("dl.facts")).to_be_visible()


async def test_a_room_is_recorded_and_gone_through(
    watched: Watched, host: Host, four: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = watched.page
    await open_view(page, host, "rooms/studio")
    await until(page, "globalThis.scene?.streams().filter((s) => s.fps > 5).length === 4")
    await page.get_by_role("button", name="Record", exact=True).click()
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
    page, stop_moving = await chromium.new_page(), asyncio.Event()
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
        await page.screenshot(path=picture("recordings"), full_page=True)
        async with page.expect_download() as download:
            await page.get_by_role("button", name="Save as csv").click()
        table = folder / "studio.csv"
        await (await download.value).save_as(table)
        assert ",ann," in content(table)
        await recording.get_by_role("textbox", name="Room").fill("stage")
        await page.get_by_role("button", name="Play into a room").click()
        await expect(page.get_by_role("heading", name="stage")).to_be_visible()
        await until(page, "globalThis.scene?.streams().filter((s) => s.fps > 5).length === 1")
        stop_moving.set()
        await moving
        await page.close()
