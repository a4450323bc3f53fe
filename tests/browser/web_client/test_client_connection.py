"""The connection of the JavaScript client in Chromium: lost, resumed, refused, closed."""

import asyncio
import socket

import pytest
from playwright.async_api import Page

from browser.conftest import Watched
from browser.web_client.conftest import body, join
from client.conftest import Link
from posewire.client.connection import HostConnection

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_lost_connection_comes_back_with_its_place(page: Page, link: Link, stage: HostConnection) -> None:
    room = await stage.join("studio", publish=["pose"])
    sender = room.sender(fps=200)
    await join(page)
    place = await page.evaluate("[room.memberId, host.sessionId]")
    await page.evaluate(
        """() => {
          window.got = [];
          window.events = [];
          room.on('message', (m) => got.push(m.data));
          host.on('changed', (old, now) => events.push(now));
          host.on('connected', (resumed) => events.push(resumed));
        }"""
    )
    await link.cut()
    await page.evaluate("until(() => host.state === 'reconnecting')")
    await room.send("said while you were away")
    sending = page.evaluate("room.send('said while I was away')")
    await link.mend()
    assert await sending == 1
    await page.evaluate("until(() => got.length)")
    assert await page.evaluate("got") == ["said while you were away"]
    assert await page.evaluate("[room.memberId, host.sessionId]") == place
    assert await page.evaluate("events") == ["reconnecting", "connected", True]
    await page.evaluate("() => { window.poses = 0; room.on('pose', () => poses++); }")
    arrived = asyncio.create_task(page.evaluate("until(() => poses > 2)"))
    while not arrived.done():
        sender.send(body=body(0))
        await asyncio.wait([arrived], timeout=0.02)
    arrived.result()


async def test_a_silent_network_is_given_up(page: Page, link: Link) -> None:
    await page.evaluate(
        """async () => {
          window.host = await connect(undefined, {heartbeatMs: 100, silenceMs: 400});
          await host.join('studio');
        }"""
    )
    await link.change(stall=True)
    await page.evaluate("until(() => host.state === 'reconnecting')")
    await link.mend()
    await page.evaluate("until(() => host.connected)")


async def test_who_is_no_host_is_told_from_one_that_refuses(page: Page, watched: Watched) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    say = "(error) => [error.name, error.code]"
    found = await page.evaluate(f"connect('ws://127.0.0.1:{port}/posewire/v1/', {{timeoutMs: 2000}}).catch({say})")
    watched.errors.clear()
    assert found == ["HostUnreachableError", "not_available"]
    await page.evaluate(
        """async () => {
          window.host = await connect(undefined, {device: 'one'});
          window.other = await connect(undefined, {device: 'one'});
        }"""
    )
    await page.evaluate("until(() => host.state === 'closed')")
    assert "another page" in await page.evaluate("host.closeReason")
    await page.evaluate("other.close()")
