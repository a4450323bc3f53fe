"""Signing in from a browser, links to look into a room, and what a page of another site cannot do."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

import posewire
from posewire.config import ConfigError
from posewire.errors import UnauthorizedError, WireError
from posewire.identity.settings import AuthSettings, read_auth
from posewire.identity.stored import revoke_token
from posewire.own_command import own_command
from posewire.server.configuration.config_file import ConfigFile
from posewire.server.host import Host
from support.hosts import http_url, running, settings
from support.waiting import eventually

TOKEN = "a-token-that-is-long-enough"
PAGE = {"Posewire-Page": "1"}
DEVICE = "aa:bb:cc:00:00:01"


@pytest_asyncio.fixture
async def closed_host() -> AsyncIterator[Host]:
    """A host with authentication."""
    async with running(replace(settings(), auth=AuthSettings(token=TOKEN, pairing=True))) as started:
        yield started


@pytest_asyncio.fixture
async def browser(closed_host: Host) -> AsyncIterator[httpx2.AsyncClient]:
    """Something that keeps cookies, as a page of the host."""
    async with httpx2.AsyncClient(base_url=http_url(closed_host, "")) as client:
        yield client


async def sign_in(browser: httpx2.AsyncClient, token: str = TOKEN) -> httpx2.Response:
    return await browser.post("/api/session", json={"token": token}, headers=PAGE)


async def test_a_browser_signs_in_and_out(browser: httpx2.AsyncClient) -> None:
    assert (await browser.get("/api/session")).status_code == 401
    assert (await browser.get("/api/devices")).status_code == 401
    answer = await sign_in(browser)
    assert (answer.status_code, answer.json()["name"], answer.json()["scopes"]) == (200, "the shared token", ["*"])
    cookie = answer.headers["Set-Cookie"]
    assert "; HttpOnly; SameSite=Strict" in cookie
    assert "Secure" not in cookie  # not over TLS
    assert TOKEN not in cookie
    assert (await browser.get("/api/session")).json()["authentication"] is True
    assert (await browser.get("/api/devices")).status_code == 200
    assert "Max-Age=0" in (await browser.delete("/api/session", headers=PAGE)).headers["Set-Cookie"]
    assert (await browser.get("/api/devices")).status_code == 401


async def test_orders_by_cookie_need_the_pages_header(browser: httpx2.AsyncClient) -> None:
    await sign_in(browser)
    order = {"text": "hello"}
    assert (await browser.post(f"/api/devices/{DEVICE}/say", json=order)).status_code == 403
    assert (await browser.post(f"/api/devices/{DEVICE}/say", json=order, headers=PAGE)).status_code != 403
    # A program with a token is no page.
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert (await browser.post(f"/api/devices/{DEVICE}/say", json=order, headers=bearer)).status_code != 403


@pytest.mark.parametrize(
    "said",
    [
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_the_cookie_is_for_the_hosts_own_pages(
    closed_host: Host, browser: httpx2.AsyncClient, said: dict[str, str]
) -> None:
    await sign_in(browser)
    assert (await browser.get("/api/devices", headers=said)).status_code == 403
    assert (await browser.post("/api/session", json={"token": TOKEN}, headers=said)).status_code == 403
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with pytest.raises(InvalidStatus) as refused:
        await connect(closed_host.url, additional_headers={"Cookie": cookie, **said})
    assert refused.value.response.status_code == 403
    own = http_url(closed_host, "")
    async with connect(closed_host.url, additional_headers={"Cookie": cookie, "Origin": own}):
        pass


async def test_a_cookie_of_any_shape_is_no_fault(browser: httpx2.AsyncClient, closed_host: Host) -> None:
    name = f"posewire_{closed_host.url.split(':')[2].split('/')[0]}"
    for value in ("", "%", "====", base64.urlsafe_b64encode(b"\xff\xfe").decode(), 'x"; y', "a" * 4000):
        answer = await browser.get("/api/session", headers={"Cookie": f"{name}={value}"})
        assert answer.status_code == 401


async def test_wrong_tries_are_limited(browser: httpx2.AsyncClient) -> None:
    answers = [(await sign_in(browser, f"a wrong token {number}")).status_code for number in range(21)]
    assert answers == [401] * 20 + [429]
    assert (await sign_in(browser)).status_code == 429


async def test_who_is_refused_learns_it_where_browsers_do_not_say(browser: httpx2.AsyncClient) -> None:
    assert (await browser.get("/posewire/v1/")).status_code == 401
    await sign_in(browser)
    assert (await browser.get("/posewire/v1/")).status_code == 426


async def link_to(browser: httpx2.AsyncClient, room: str, **body: object) -> httpx2.Response:
    return await browser.post(f"/api/rooms/{room}/links", json=body, headers=PAGE)


async def test_a_link_lets_people_look_into_one_room(closed_host: Host, browser: httpx2.AsyncClient) -> None:
    await sign_in(browser)
    token = (await link_to(browser, "studio", hours=2)).json()["token"]
    async with (
        posewire.connect(closed_host.url, token=token) as viewer,
        posewire.connect(closed_host.url, token=TOKEN, device="owner") as owner,
    ):
        with pytest.raises(WireError) as refused:
            await viewer.join("studio")
        assert refused.value.code == "no_such_room", "it makes no room"
        room = await owner.join("studio", publish=["pose"])
        watching = await viewer.join("studio")
        assert watching.role == "watcher"
        for attempt, code in (
            (viewer.join("studio", publish=["pose"]), "forbidden"),
            (viewer.join("lab"), "forbidden"),
            (watching.send("hello"), "forbidden"),
            (watching.lock(), "not_owner"),
        ):
            with pytest.raises(WireError) as refused:
                await attempt
            assert refused.value.code == code
        with pytest.raises(WireError) as refused:
            await room.pass_on(watching.member_id)
        assert refused.value.code == "room_denied"
        sender = room.sender(fps=500)
        poses = watching.poses()
        seen = asyncio.ensure_future(anext(poses))
        while not seen.done():
            sender.send(coco=[[0.5, 0.5, 1.0]] * 17)
            await asyncio.wait([seen], timeout=0.01)
        assert seen.result().device == "owner"


async def test_a_watcher_does_not_inherit_the_room(closed_host: Host, browser: httpx2.AsyncClient) -> None:
    await sign_in(browser)
    token = (await link_to(browser, "studio")).json()["token"]
    async with (
        posewire.connect(closed_host.url, token=TOKEN, device="owner") as owner,
        # The device id of somebody else brings nothing: it gets one of its own.
        posewire.connect(closed_host.url, token=token, device="owner") as viewer,
    ):
        room = await owner.join("studio")
        watching = await viewer.join("studio")
        assert owner.connected
        await eventually(lambda: len(room.members) == 2)
        assert room.members[watching.member_id].device.startswith("anonymous-")
        await room.leave()
        await eventually(lambda: len(watching.members) == 1)
        assert watching.role == "watcher"
        again = await owner.join("studio")
        assert again.role == "owner"


@pytest.mark.parametrize("body", [{"hours": 0}, {"hours": 721}, {"hours": "x"}])
async def test_a_link_has_an_end(browser: httpx2.AsyncClient, body: dict[str, object]) -> None:
    await sign_in(browser)
    assert (await link_to(browser, "studio", **body)).status_code == 400


async def test_a_link_is_for_one_room_only(browser: httpx2.AsyncClient) -> None:
    await sign_in(browser)
    assert (await link_to(browser, "class-*")).status_code == 400
    token = (await link_to(browser, "studio")).json()["token"]
    await browser.delete("/api/session", headers=PAGE)
    assert (await sign_in(browser, token)).json()["scopes"] == ["room.watch:studio"]
    for path in ("/api/devices", "/api/statistics", "/metrics"):
        assert (await browser.get(path)).status_code == 403
    assert (await link_to(browser, "studio")).status_code == 403


async def test_a_link_that_was_revoked_ends(closed_host: Host, browser: httpx2.AsyncClient) -> None:
    await sign_in(browser)
    token = (await link_to(browser, "studio")).json()["token"]
    async with posewire.connect(closed_host.url, token=token) as viewer:
        token_id = token.removeprefix("pw_").split("_")[0]
        await closed_host.services.store.run(lambda c: revoke_token(c, token_id, "test"))
        await closed_host.services.identities.refresh(force=True)
        assert "token" in await viewer.wait_closed()
    with pytest.raises(UnauthorizedError):
        await posewire.connect(closed_host.url, token=token).open()


async def test_an_open_host_needs_no_link(host: Host) -> None:
    async with httpx2.AsyncClient(base_url=http_url(host, "")) as client:
        assert (await client.post("/api/rooms/studio/links", json={})).status_code == 501
        session = (await client.get("/api/session")).json()
        assert (session["authentication"], session["scopes"]) == (False, ["*"])


async def test_who_may_not_look_learns_no_path_of_the_hosts_machine(
    closed_host: Host, browser: httpx2.AsyncClient
) -> None:
    """Commands are shown as they are typed there: to who may look, and to a browser on that machine."""
    closed_host.services.config_file = ConfigFile(Path("/home/ann/our host.toml"), lambda path: settings())
    whole = {"start": own_command(), "config": " --config '/home/ann/our host.toml'"}
    plain = {"start": "posewire", "config": " --config FILE"}
    assert (await browser.get("/api/session")).json()["command"] == whole
    # A proxy on the host's machine asks for others.
    named = {"Host": "posewire.example.org"}
    assert (await browser.get("/api/session", headers=named)).json()["command"] == plain
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert (await browser.get("/api/session", headers=named | bearer)).json()["command"] == whole


async def test_origins_of_other_servers_can_be_allowed() -> None:
    allowed = AuthSettings(allowed_origins=frozenset({"http://localhost:5173"}))
    async with running(replace(settings(), auth=allowed)) as host:
        connecting: Callable[[str], connect] = lambda origin: connect(host.url, origin=origin)  # type: ignore[arg-type] # noqa: E731
        async with connecting("http://localhost:5173"):
            pass
        with pytest.raises(InvalidStatus):
            await connecting("http://localhost:5174")
    assert read_auth({"allowed_origins": ["https://a.example"]}).allowed_origins == {"https://a.example"}
    with pytest.raises(ConfigError, match="allowed_origins"):
        read_auth({"allowed_origins": ["a.example/x"]})


def under(host: Host, name: str, **options: Any) -> connect:
    """A WebSocket to the host that says another name of it."""
    return connect(f"ws://{name}/posewire/v1/", host="127.0.0.1", port=urlsplit(host.url).port, **options)


async def test_a_websocket_under_another_name_is_refused(host: Host) -> None:
    for name in ("example.org", "example.org:80", "0.0.0.0:8000", "192.0.2.1.example.org"):
        with pytest.raises(InvalidStatus) as refused:
            await under(host, name)
        assert refused.value.response.status_code == 403


async def test_a_board_reaches_the_host_through_a_tunnel_or_a_forwarded_port(host: Host) -> None:
    for address in ("192.0.2.1:8000", "[2001:db8::1]:8000"):
        async with under(host, address) as board:
            await board.ping()
        with pytest.raises(InvalidStatus):
            await under(host, address, origin=Origin("http://evil.example"))
