"""What the tests of the page do: open a view, and be the boards and people that are seen there."""

import asyncio
import re
from typing import Any

from playwright.async_api import Page, expect

from browser.motion import skeleton
from client.conftest import Link
from posewire.server.host import Host
from posewire.sound.pcm import Pcm
from posewire.wire.frames import FrameType, build_frame
from support.peers import Peer, Peers

TOKEN = "a-token-that-is-long-enough"
DEVICE = "aa:bb:cc:00:00:01"


async def board(peers: Peers, number: int, **telemetry: Any) -> Any:
    peer = await peers.connect(f"aa:bb:cc:00:00:{number:02x}")
    await peer.hello(device={"board": "esp32s3-box", "firmware": "0.1.0"}, features={"telemetry": True})
    await peer.send(
        type="telemetry", uptime_ms=60000 * number, heap_free=100000 + number, rssi=-50 - number, **telemetry
    )
    await peer.echo()
    return peer


async def speak(peer: Peer, sound: Pcm) -> None:
    """Hold a board's button while something is said."""
    await peer.send(type="listen", state="start", mode="manual")
    for start in range(0, len(sound), 960):
        await peer.socket.send(build_frame(FrameType.AUDIO, sound[start : start + 960].tobytes(), 3))
    await peer.send(type="listen", state="stop")


async def publish(room: Any, stop: asyncio.Event, fps: float = 30) -> None:
    """Send the pose of somebody who waves."""
    sender = room.sender(fps=fps)
    for number in range(1_000_000):
        if stop.is_set():
            return
        sender.send(body=skeleton(number / 5))
        await asyncio.sleep(1 / fps)


async def open_view(page: Page, host: Host | Link, view: str) -> None:
    await page.goto(host.url.replace("ws://", "http://").replace("/posewire/v1/", f"/#/{view}"))
    await expect(page.locator(".top .state")).to_have_class(re.compile("good"))


async def until(page: Page, condition: str) -> None:
    """Wait until something is true in the page, whose policy lets nobody evaluate texts for long."""
    async with asyncio.timeout(40):
        while not await page.evaluate(condition):
            await asyncio.sleep(0.05)
