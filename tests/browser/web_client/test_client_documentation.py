"""What docs/web-client.md shows, in Chromium."""

import asyncio

import pytest
from playwright.async_api import Page

from browser.web_client.conftest import body
from docs.pages import block
from posewire.client.connection import HostConnection
from support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("number", range(3))
async def test_what_the_documentation_shows_runs(page: Page, stage: HostConnection, number: int) -> None:
    script = block("docs/web-client.md", "html", number).removeprefix('<script type="module">').strip()
    room = await stage.join("studio", publish=["pose"], subscribe=["audio"])
    sender = room.sender()
    heard = asyncio.Event()
    room.on("audio", lambda frame: heard.set())
    await page.evaluate(
        """(source) => {
          document.body.innerHTML = "<button>listen</button>";
          const script = document.createElement("script");
          script.type = "module";
          script.textContent = source;
          document.body.append(script);
        }""",
        script.removesuffix("</script>"),
    )
    await eventually(lambda: len(room.members) == 2)
    sender.send(body=body(1))
    if number == 2:
        state = await room.shared_state()
        await eventually(lambda: state.get("light") == {"hue": 20})
        await page.click("button")
        async with asyncio.timeout(30):
            await heard.wait()


async def test_the_errors_of_the_documentation_are_those_that_come(page: Page, stage: HostConnection) -> None:
    room = await stage.join("studio")
    await room.lock()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    shown = block("docs/web-client.md", "js", 0)
    for source in (shown, shown.replace("studio", "nowhere")):
        await page.evaluate(f"async () => {{ const host = await connect(); {source} await host.close(); }}")
    await eventually(lambda: said == ["the room is locked", "nobody is there yet"])
