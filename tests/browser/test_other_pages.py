"""Pages of other sites, in a real browser, that try to use a host on the same machine."""

from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from posewire.identity.settings import AuthSettings
from posewire.server.host import Host
from support.hosts import http_url, running, settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "a-token-that-is-long-enough"
ATTACK = """async (base) => {
  const said = {};
  const attempt = async (name, work) => {
    try { said[name] = await work(); } catch (error) { said[name] = "refused"; }
  };
  const order = { method: "POST", body: JSON.stringify({ text: "boo" }), credentials: "include" };
  await attempt("read", async () => (await fetch(base + "/api/devices", { credentials: "include" })).status);
  await attempt("order", async () => (await fetch(base + "/api/devices/all/say", order)).status);
  const marked = { ...order, headers: { "Posewire-Page": "1" } };
  await attempt("header", async () => (await fetch(base + "/api/devices/all/say", marked)).status);
  await fetch(base + "/api/devices/all/say", { ...order, mode: "no-cors" }).catch(() => {});
  await attempt("script", () => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = base + "/api/devices";
    script.onload = () => resolve("loaded");
    script.onerror = () => reject(new Error());
    document.head.append(script);
  }));
  await attempt("socket", () => new Promise((resolve, reject) => {
    const socket = new WebSocket(base.replace("http", "ws") + "/posewire/v1/");
    socket.onopen = () => resolve("open");
    socket.onerror = () => reject(new Error());
  }));
  return said;
}"""
REFUSED = {"read": "refused", "order": "refused", "header": "refused", "script": "refused", "socket": "refused"}


async def attack(page: Page, site: str, host: Host) -> Any:
    await page.goto(site)
    return await page.evaluate(ATTACK, http_url(host, ""))


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_a_page_of_another_port_gets_nothing(chromium: Browser, host: Host, other_site: int, name: str) -> None:
    page = await chromium.new_page()
    assert await attack(page, f"http://{name}:{other_site}/", host) == REFUSED
    assert host.services.counters["refused_forbidden"] >= 5
    assert not list(host.services.registry)
    await page.close()


async def test_a_page_gets_nothing_with_the_cookie_of_somebody_who_signed_in(
    chromium: Browser, other_site: int
) -> None:
    """Another port of the same name is the same site to a browser: it sends the cookie."""
    async with running(replace(settings(), auth=AuthSettings(token=TOKEN))) as host:
        context = await chromium.new_context()
        page = await context.new_page()
        await page.goto(http_url(host, "/healthz"))
        sign_in = (
            "(token) => fetch('/api/session', {method: 'POST', body: JSON.stringify({token})}).then((r) => r.status)"
        )
        assert await page.evaluate(sign_in, TOKEN) == 200
        assert await page.evaluate("fetch('/api/devices').then((r) => r.status)") == 200
        assert await page.evaluate("document.cookie") == ""
        assert await attack(page, f"http://127.0.0.1:{other_site}/", host) == REFUSED
        assert host.services.counters["refused_forbidden"] >= 3
        await context.close()


async def test_a_name_that_is_bound_to_this_machine_gets_nothing(host: Host) -> None:
    """DNS rebinding: to the browser it is one site, so the host alone can tell."""
    from playwright.async_api import async_playwright

    from browser.chromium import ARGUMENTS, find_chromium

    async with async_playwright() as playwright:
        arguments = [*ARGUMENTS, "--host-resolver-rules=MAP evil.example 127.0.0.1"]
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        page = await browser.new_page()
        port = http_url(host, "").rpartition(":")[2]
        await page.goto(f"http://evil.example:{port}/healthz")
        read = "fetch('/api/devices').then((r) => r.status)"
        assert await page.evaluate(read) == 403
        order = "fetch('/api/devices/all/say', {method: 'POST', body: '{}'}).then((r) => r.status)"
        assert await page.evaluate(order) == 403
        socket = """() => new Promise((resolve) => {
          const socket = new WebSocket(location.origin.replace("http", "ws") + "/posewire/v1/");
          socket.onopen = () => resolve("open");
          socket.onerror = () => resolve("refused");
        })"""
        assert await page.evaluate(socket) == "refused"
        await browser.close()
