"""A page in Chromium with a data channel, against a host and the Python client."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page

import posewire
from browser.conftest import Watched
from browser.web_client.conftest import body, load
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.server.webrtc.settings import WebRtcSettings
from support.data_channels import needs_an_address
from support.hosts import running
from support.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), needs_an_address]


@pytest_asyncio.fixture(loop_scope="module")
async def host() -> AsyncIterator[Host]:
    settings = Settings(
        server=ServerSettings(port=0, max_connections=64), webrtc=WebRtcSettings(enabled=True), voice=None
    )
    async with running(settings) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def page(watched: Watched, host: Host) -> Page:
    await load(watched.page, host.url)
    await watched.page.evaluate(
        """async () => {
          window.switches = [];
          window.host = await connect(undefined, { webrtc: { probeMs: 300 } });
          host.on("transport", (name) => switches.push(name));
          await until(() => host.lossy);
        }"""
    )
    return watched.page


async def test_a_page_sees_poses_that_come_by_a_data_channel(page: Page, host: Host) -> None:
    async with posewire.connect(host.url, device="stage", webrtc=True) as stage:
        room = await stage.join("studio", publish=["pose"])
        sender = room.sender(fps=200)
        await eventually(lambda: stage.lossy)
        await page.evaluate(
            """async () => {
              window.seen = [];
              window.room = await host.join("studio");
              room.on("pose", (pose) => seen.push(pose.values.body33[0] * 64));
            }"""
        )
        waiting, number = asyncio.create_task(page.evaluate("until(() => seen.length > 30)")), 0
        while not waiting.done():
            sender.send(body=body(number % 32))
            number += 1
            await asyncio.wait([waiting], timeout=0.02)
        waiting.result()
        seen: list[Any] = await page.evaluate("seen")
        assert all(abs(value - round(value)) < 0.1 for value in seen)
        assert host.services.counters["datagrams_out"] >= 20
        assert host.services.counters["refused_bad_pose"] == 0


async def test_a_page_goes_on_by_the_websocket_and_back_and_no_pose_is_wrong(page: Page, host: Host) -> None:
    async with posewire.connect(host.url, device="stage") as stage:
        room = await stage.join("studio")
        await page.evaluate(
            """async () => {
              window.room = await host.join("studio", { publish: ["pose"], subscribe: [] });
              const sender = room.sender({ fps: 60 });
              const body = new Float32Array(132);
              let number = 0;
              window.sending = setInterval(() => {
                number++;
                body.fill(0.25 + (number % 32) / 64);
                sender.send({ body }, number * 20);
              }, 20);
            }"""
        )
        poses, last = room.poses(), -1

        async def see(count: int) -> None:
            nonlocal last
            for _ in range(count):
                pose = await anext(poses)
                assert pose.pose.time_ms > last, "a pose came twice"
                last = pose.pose.time_ms
                wanted = body(pose.pose.time_ms // 20 % 32)
                # On a busy machine poses come late, and the host asks for smaller packets: then they are coarser.
                np.testing.assert_allclose(pose.values["body33"][:, :2], wanted[:, :2], atol=2e-3 * 2**pose.coarse)

        before = host.services.counters["datagrams_in"]
        while host.services.counters["datagrams_in"] < before + 30:
            await see(1)
        # The host ends the channel: poses go on by the WebSocket, and by a new channel a little later.
        for peer in list(host.services.registry):
            if peer.datagrams is not None:
                peer.datagrams.use(None)
        await page.evaluate("until(() => switches.at(-2) === 'websocket' && switches.at(-1) === 'webrtc')")
        await see(20)
        transport = await page.evaluate("host.status().transport")
        assert (transport["name"], transport["first"]["roundTripMs"] > 0) == ("webrtc", True)
        assert [switch["cause"] for switch in transport["switches"]][-3:] == [
            "opened", "the host has closed the data channel", "works again",
        ]  # fmt: skip
        assert transport["switches"][-2]["replayed"] >= 1
        assert transport["counts"] == {"webrtc": 2, "websocket": 1}
        # By hand it goes back, and stays there, even where the connection is a new one.
        assert await page.evaluate("() => { host.rollback(); return host.lossy; }") is False
        for peer in list(host.services.registry):
            if peer.datagrams is not None:
                peer.close(1012, "the host restarts")
        await page.evaluate("until(() => host.statistics().reconnects === 1 && host.connected)")
        await see(20)
        assert await page.evaluate("host.lossy") is False
        await page.evaluate("host.rollback()")
        await page.evaluate("until(() => host.lossy)")
        await see(20)
        await page.evaluate("() => { clearInterval(sending); host.close(); }")
    await eventually(lambda: host.services.webrtc.open == 0)
