"""The example pages: somebody who moves is seen in each, and the drum is hit."""

import asyncio

import pytest
from playwright.async_api import expect

import posewire
from browser.conftest import Watched, picture
from browser.motion import skeleton
from posewire.server.host import Host
from support.hosts import http_url

pytestmark = pytest.mark.asyncio(loop_scope="module")

DRAWN = """() => {
  const canvas = document.querySelector("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, i) => i % 4 === 3 && value > 0).length;
}"""


@pytest.mark.parametrize("name", ["mirror", "drum", "theremin"])
async def test_somebody_who_moves_is_seen(watched: Watched, host: Host, name: str) -> None:
    page = watched.page
    async with posewire.connect(host.url, device="ann") as ann:
        room = await ann.join("studio", publish=["pose"])
        sender = room.sender(fps=60)
        await page.goto(http_url(host, f"/examples/{name}/?room=studio"))
        if name != "mirror":
            await page.get_by_role("button").click()

        async def beat() -> None:
            number = 0
            while True:
                body = skeleton(number / 4)
                # The left hand goes up, and comes down fast.
                body[[15, 17, 19, 21], 1] = 0.1 if number % 10 < 6 else 0.5
                sender.send(body=body)
                number += 1
                await asyncio.sleep(0.03)

        beating = asyncio.create_task(beat())
        await expect(page.get_by_role("status")).to_have_text("ann")
        assert await page.evaluate(DRAWN) > 500
        if name == "drum":
            async with asyncio.timeout(40):
                while await page.evaluate("hits") < 2:
                    await asyncio.sleep(0.05)
        await page.screenshot(path=picture(f"example-{name}"))
        beating.cancel()
