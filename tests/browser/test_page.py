"""The page, as a person uses it: in Chromium, against a real host. Pictures of each view go to build/pictures."""

import asyncio
import gzip
import re
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

import posewire
from browser.chromium import UnavailableError, checkers
from browser.conftest import Watched, new_page, picture
from browser.visits import DEVICE, TOKEN, board, open_view, publish, until
from posewire.server.host import Config, Host
from posewire.server.settings import ServerSettings, Settings, load_settings
from riscv.machine import ROOT
from support.hosts import http_url, running, settings
from support.peers import Peers
from support.waiting import eventually

# A browser on a loaded machine may take its time.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

WEB = ROOT / "host/posewire/web"
VIEWS = ("devices", "rooms", "rooms/studio", "talk", "health", "new")


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


async def test_the_configuration_is_changed_from_the_page(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("host") / "posewire.toml"
    path.write_text('[server]\nport = 0\nmax_connections = 50\n[voice]\nenabled = false\n[store]\npath = ":memory:"\n')

    def read(file: Path) -> Settings:
        return load_settings(file, TOKEN)

    host = Host(read(path), Config(lambda: read(path), path, read))
    await host.start()
    page = await new_page(chromium)
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
    # On a projector the poses have all of the screen.
    await page.get_by_role("button", name="Whole screen").click()
    await until(page, "document.querySelector('.stage canvas').clientHeight === innerHeight")
    await page.screenshot(path=picture("whole-screen"))
    await page.evaluate("document.exitFullscreen()")
    await until(page, "document.querySelector('.stage canvas').clientHeight < innerHeight")
    await page.get_by_label("in one space").check()
    assert await page.evaluate("scene.options.together") is True


async def test_a_restarted_host_finds_the_page_again(chromium: Browser) -> None:
    first = Host(settings(resume_window=5.0))
    await first.start()
    port = int(http_url(first, "").rpartition(":")[2])
    page = await new_page(chromium)
    await open_view(page, first, "rooms/studio")
    await first.stop()
    await expect(page.locator(".top .state")).to_have_class(re.compile("warn"))
    # What stands on the page looks as it did before.
    away = page.get_by_text("what is shown here is from before")
    await expect(away).to_be_visible()
    async with running(Settings(server=ServerSettings(port=port), voice=None)) as second:
        await expect(page.locator(".top .state")).to_have_class(re.compile("good"), timeout=40_000)
        await expect(away).to_have_count(0)
        stop = asyncio.Event()
        async with posewire.connect(second.url, device="ann") as connection:
            task = asyncio.create_task(publish(await connection.join("studio", publish=["pose"]), stop))
            await until(page, "scene.streams().some((s) => s.fps > 5)")
            stop.set()
            await task
        await page.close()


async def test_a_room_calls_its_members_by_their_names(watched: Watched, host: Host) -> None:
    """Who is projected on a wall has a name there, not the address of a board."""
    page, stop = watched.page, asyncio.Event()
    await host.services.identities.rename("ann", "Dancer <b>One</b>")
    async with posewire.connect(host.url, device="ann") as ann:
        sending = asyncio.create_task(publish(await ann.join("studio", publish=["pose"]), stop))
        await open_view(page, host, "rooms/studio")
        await expect(page.locator(".stage .label")).to_contain_text("Dancer <b>One</b> body33")
        await expect(page.get_by_role("row", name="Dancer <b>One</b>")).to_be_visible()
        stop.set()
        await sending


async def test_an_address_that_was_cut_off_is_no_dead_end(watched: Watched, host: Host) -> None:
    page = watched.page
    await open_view(page, host, "devices/%E0%A4")
    await expect(page.get_by_role("heading", name="Devices")).to_be_visible()
    await page.evaluate("location.hash = '#/rooms/100%'")
    await expect(page.get_by_role("heading", name="100%")).to_be_visible()


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
    await page.goto("about:blank")
    await open_view(page, host, VIEWS[0])
    await page.evaluate(axe)
    for view in (*VIEWS, f"devices/{DEVICE}", f"talk/{DEVICE}"):
        await page.set_viewport_size({"width": 1280, "height": 900})
        await open_view(page, host, view)
        assert await page.evaluate("document.documentElement.dataset.theme") == theme
        if view.startswith("devices"):
            await expect(page.locator("tbody tr").first).to_be_visible()
        name = view.partition("/")[0] + ("-one" if "/" in view else "")
        await page.screenshot(path=picture(f"{name}-{theme}-{language}"), full_page=True)
        found = await page.evaluate("axe.run()")
        problems = [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in found["violations"]]
        assert problems == [], view
        await page.set_viewport_size({"width": 360, "height": 740})
        await page.screenshot(path=picture(f"{name}-{theme}-{language}-360"), full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360, view


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
    # The board goes before the page, which may ask for its tools just then.
    await page.goto("about:blank")


async def test_a_rate_is_that_of_the_stream(watched: Watched, host: Host, four: None) -> None:
    """What is said of a stream in the picture is its own rate, also where it is fast, and much of it comes at once."""
    page = watched.page
    await open_view(page, host, "rooms/studio")
    await until(page, "globalThis.scene?.streams().length === 4")
    rate = await page.evaluate(
        """async () => {
          const { monotonicMs } = await import("/posewire/v1/client/posewire.js");
          const count = { packets: 1, missing: 0, undecodable: 0, sets: ["imu6"] };
          const pose = { memberId: 99, device: "fast", stream: 1, values: {}, timeMs: 0, delayMs: 0, count };
          const now = monotonicMs();
          for (let i = 0; i < 240; i++) scene.update({ ...pose, timeMs: i * 10, arrivedMs: now });
          return scene.streams().find(({ device }) => device === "fast").fps;
        }"""
    )
    assert rate == 100


async def test_the_charts_speak_in_words(watched: Watched, host: Host) -> None:
    page = watched.page
    assert host.services.health is not None
    host.services.health.check()
    await open_view(page, host, "health")
    captions = page.locator("figcaption")
    await expect(captions).to_have_count(9)
    await expect(captions.nth(7)).to_have_text(re.compile(r"connections \d+ *rooms \d+ *$"))
    for text in await captions.all_text_contents():
        assert "_" not in text
        assert not re.search(r"\.\d{3}", text)


async def test_an_alert_that_is_on_says_since_when_and_what_is_now(watched: Watched, host: Host) -> None:
    """A value that is back inside its threshold for a moment does not end an alert: then the page must not puzzle."""
    page, health = watched.page, host.services.health
    assert health is not None
    now = time.monotonic()
    for seconds, lag in ((0, 900.0), (60, 900.0), (61, 50.0)):
        health.alerts.check({"loop_lag_ms": lag}, now + seconds, time.time())
    await open_view(page, host, "health")
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("Something holds the host up")
    # The numbers change all the time: read aloud is only what the alert means.
    assert re.search(r"\d", await alert.inner_text()) is None
    await expect(
        page.get_by_text(re.compile(r"Since .*, with 900 ms\. Now [\d.]+ ms; the threshold is 100 ms"))
    ).to_be_visible()
