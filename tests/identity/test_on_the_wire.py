"""Identities against a real host: pairing as a stock device does it, scopes, revocation by the command line, TLS."""

import asyncio
import datetime
import json
import os
import shutil
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from posewire.errors import ConfigError
from posewire.identity.settings import AuthSettings, JwtKey
from posewire.identity.stock_token import make_stock_token
from posewire.identity.stored import issue_token, revoke_token
from posewire.server.host import Config, Host
from posewire.server.rate_limit import FailureLimit
from posewire.store import StoreSettings
from posewire.voice.settings import VoiceSettings
from support.certificates import self_signed
from support.hosts import settings
from support.peers import Peer

MAC, CLIENT = "AA:bb:cc:00:00:01", "0b2f8d5e-0000-4000-8000-000000000001"
DEVICE = {"Device-Id": MAC, "Client-Id": CLIENT}
STOCK_KEY = b"s" * 40
INFO = {"version": 2, "application": {"name": "xiaozhi", "version": "2.0.5"}, "board": {"type": "box", "name": "box-3"}}


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    auth = AuthSettings(token="the owner's", pairing=True, stock_key=STOCK_KEY)
    running = Host(replace(settings(), auth=auth, store=StoreSettings(str(tmp_path / "store.db"))))
    await running.start()
    yield running
    await running.stop()


def ask(
    url: str,
    headers: dict[str, str],
    body: Any = None,
    context: ssl.SSLContext | None = None,
    method: str | None = None,
) -> tuple[int, dict[str, Any]]:
    data = json.dumps(body).encode() if body is not None else None
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, data, headers, method=method), timeout=10, context=context
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


async def http(
    host: Host, path: str, headers: dict[str, str] | None = None, body: Any = None, method: str | None = None
) -> Any:
    url = host.url.replace("ws", "http", 1).replace("/posewire/v1/", path)
    return await asyncio.to_thread(ask, url, headers or {}, body, None, method)


async def posewire(*words: str) -> str:
    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "posewire", *words], capture_output=True, text=True, env=os.environ, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return await asyncio.to_thread(run)


def bearer(token: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **headers}


async def test_a_stock_device_that_is_refused_shows_why(host: Host) -> None:
    _, answer = await http(host, "/xiaozhi/ota/", DEVICE, INFO)
    code = answer["activation"]["code"]
    assert MAC.lower() in await posewire("devices", "refuse", code, "--store", host.services.store.path)
    status, refusal = await http(host, "/xiaozhi/ota/activate", DEVICE, {})
    assert (status, refusal["code"]) == (403, "refused")
    status, answer = await http(host, "/xiaozhi/ota/", DEVICE, INFO)
    # Stock firmware shows a message where "code" is a text.
    assert answer["activation"] == {
        "code": "", "message": "this host has refused to pair the device: ask again in 10 minutes",
    }  # fmt: skip
    assert (status, answer["websocket"]["token"]) == (200, "")


async def test_a_stock_device_is_paired_connects_and_is_shut_out_again(host: Host) -> None:
    store = host.services.store.path
    status, answer = await http(host, "/xiaozhi/ota/", DEVICE, INFO)
    assert status == 200
    assert answer["firmware"] == {"version": "2.0.5", "url": ""}
    assert answer["websocket"]["url"] == host.url.replace("/posewire/", "/xiaozhi/")
    # Some clients never ask again: the token that comes with the code is good when the code is confirmed.
    early = answer["websocket"]["token"]
    for _ in range(3):
        with pytest.raises(InvalidStatus) as caught:
            await connect(host.url, additional_headers=bearer(early, **DEVICE))
        assert caught.value.response.status_code == 401
    assert abs(answer["server_time"]["timestamp"] / 1000 - datetime.datetime.now().timestamp()) < 60
    code = answer["activation"]["code"]
    assert len(code) == 6
    assert answer["activation"]["challenge"]
    assert (await http(host, "/xiaozhi/ota/activate", DEVICE, {}))[0] == 202
    # Somebody reads the code off the device's display; another process writes it into the store.
    assert MAC.lower() in await posewire("devices", "list", "--store", store)
    assert "paired" in await posewire("devices", "pair", code, "--name", "kitchen", "--store", store)
    status, answer = await http(host, "/xiaozhi/ota/", DEVICE, INFO)
    assert "activation" not in answer
    assert (await http(host, "/xiaozhi/ota/activate", DEVICE, {}))[0] == 200
    async with connect(host.url, additional_headers=bearer(early, **DEVICE)):
        pass
    token = answer["websocket"]["token"]
    async with connect(answer["websocket"]["url"], additional_headers=bearer(token, **DEVICE)) as socket:
        peer = Peer(socket)
        await peer.hello(version=1)
        assert host.services.registry.device(MAC.lower()) is not None
        # Another device cannot use its token, and nobody its address.
        for headers in (
            bearer(token, **{**DEVICE, "Device-Id": "aa:bb:cc:00:00:02"}),
            bearer(early, **{**DEVICE, "Client-Id": "other"}),
            bearer(token, **{**DEVICE, "Client-Id": "other"}),
            bearer("", **DEVICE),
        ):
            with pytest.raises(InvalidStatus) as caught:
                await connect(host.url, additional_headers=headers)
            assert caught.value.response.status_code == 401
        await posewire("devices", "revoke", MAC, "--store", store)
        with pytest.raises(ConnectionClosed):
            while True:
                await asyncio.wait_for(socket.recv(), 10)
        assert socket.close_code == 1008
    for gone in (token, early):
        with pytest.raises(InvalidStatus):
            await connect(host.url, additional_headers=bearer(gone, **DEVICE))
    assert "activation" in (await http(host, "/xiaozhi/ota/", DEVICE, INFO))[1]
    log = await posewire("audit", "--json", "--store", store)
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert [event for event in events if "refused" not in event] == [
        "pairing wanted", "paired", "revoked", "pairing wanted",
    ]  # fmt: skip
    assert "refused unauthorized" in events


async def test_a_page_of_another_address_may_ask_where_authentication_protects_what_follows(host: Host) -> None:
    url = host.url.replace("ws", "http", 1).replace("/posewire/v1/", "/xiaozhi/ota/")

    def origins(method: str, address: str, headers: dict[str, str]) -> list[str | None]:
        found = []
        for path in ("", "activate"):
            if method == "GET" and path:
                continue
            request = urllib.request.Request(address + path, None, headers, method=method)
            with urllib.request.urlopen(request, timeout=10) as answer:
                found.append(answer.headers["Access-Control-Allow-Origin"])
                allowed = answer.headers["Access-Control-Allow-Headers"]
                assert allowed is None or {"device-id", "client-id", "content-type"} <= set(allowed.split(", "))
        return found

    page = {"Origin": "http://192.0.2.1:8006"}
    assert await asyncio.to_thread(origins, "OPTIONS", url, page) == ["*", "*"]
    assert await asyncio.to_thread(origins, "GET", url, {**page, **DEVICE}) == ["*"]
    # Nothing else is for pages of other addresses.
    with pytest.raises(urllib.error.HTTPError):
        await asyncio.to_thread(origins, "OPTIONS", url.replace("/xiaozhi/ota/", "/api/devices"), page)
    open_host = Host(settings())
    await open_host.start()
    url = open_host.url.replace("ws", "http", 1).replace("/posewire/v1/", "/xiaozhi/ota/")
    assert await asyncio.to_thread(origins, "GET", url, DEVICE) == [None]
    await open_host.stop()


async def test_a_device_without_a_name_or_a_body_is_refused(host: Host) -> None:
    assert (await http(host, "/xiaozhi/ota/"))[1]["code"] == "bad_message"
    assert (await http(host, "/xiaozhi/ota/", DEVICE, []))[1]["code"] == "bad_json"
    assert (await http(host, "/xiaozhi/ota/activate", {**DEVICE, "Client-Id": "new"}, {}))[1]["code"] == "not_found"


async def test_codes_cannot_be_asked_for_or_guessed_without_end(host: Host) -> None:
    answers = [(await http(host, "/xiaozhi/ota/", {**DEVICE, "Client-Id": str(n)}, INFO))[0] for n in range(35)]
    assert answers[-1] == 429
    guesses = [(await http(host, "/api/devices", bearer("the owner's"), {"code": f"{n:06}"}))[0] for n in range(12)]
    assert guesses[-1] == 429
    assert (await http(host, "/api/devices", {}, {"code": "000000"}))[0] == 401


async def test_a_class_of_boards_behind_one_router_is_paired_at_once(host: Host) -> None:
    def device(number: int) -> dict[str, str]:
        return {"Device-Id": f"board-{number}", "Client-Id": "c"}

    for number in range(40):
        assert (await http(host, "/xiaozhi/ota/", device(number), INFO))[0] == 200
        for _ in range(3):
            assert (await http(host, "/xiaozhi/ota/activate", device(number), {}))[0] == 202
    # There is an end to codes; who has one goes on.
    assert (await http(host, "/xiaozhi/ota/", device(40), INFO))[0] == 429
    assert (await http(host, "/xiaozhi/ota/", device(0), INFO))[0] == 200


async def test_pairing_by_the_api_gives_only_what_one_has(host: Host) -> None:
    code = (await http(host, "/xiaozhi/ota/", DEVICE, INFO))[1]["activation"]["code"]
    pairer = await host.services.store.run(lambda c: issue_token(c, "bob", "person", ["operator.pair", "voice"]))
    await host.services.identities.refresh(force=True)
    wish = {"code": code, "name": "kitchen", "scopes": "server.restart"}
    assert (await http(host, "/api/devices", bearer(pairer), wish))[1]["code"] == "forbidden"
    # What a device has unless told otherwise is more than bob has.
    assert (await http(host, "/api/devices", bearer(pairer), {"code": code}))[1]["code"] == "forbidden"
    assert (await http(host, "/api/devices", bearer(pairer), {**wish, "scopes": "room.*"}))[1]["code"] == "forbidden"
    status, answer = await http(host, "/api/devices", bearer(pairer), {**wish, "scopes": "voice"})
    assert (status, answer) == (201, {"device": MAC.lower(), "name": "kitchen"})
    (listed,) = (await http(host, "/api/devices", bearer("the owner's")))[1]["devices"]
    assert (listed["device"], listed["session"]) == (MAC.lower(), None)
    assert (listed["pairing"]["name"], listed["pairing"]["scopes"]) == ("kitchen", ["voice"])
    assert (await http(host, f"/api/devices/{MAC}", bearer("the owner's"))) == (200, listed)
    assert (await http(host, "/api/devices", bearer(pairer)))[0] == 403
    assert (await http(host, f"/api/devices/{MAC}/pairing", bearer(pairer), method="DELETE"))[0] == 200


async def test_a_token_is_issued_used_and_taken_back_by_the_command_line(host: Host) -> None:
    store = ("--store", host.services.store.path)
    token = (await posewire("tokens", "issue", "ann", "--scope", "operator.*", *store)).strip()
    async with asyncio.timeout(10):
        while (await http(host, "/api/devices", bearer(token)))[0] != 200:
            await asyncio.sleep(0.05)
    async with connect(host.url, additional_headers=bearer(token)) as socket:
        await Peer(socket).hello()
        listed = await posewire("tokens", "list", *store)
        assert "ann" in listed
        assert token not in listed
        await posewire("tokens", "revoke", listed.split()[0], *store)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 10)
        assert socket.close_code == 1008
    assert (await http(host, "/api/devices", bearer(token)))[0] == 401


async def test_a_connection_ends_with_the_jwt_that_opened_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posewire.identity.jwt_tokens._LEEWAY", 0)
    auth = AuthSettings(jwt_issuer="me", jwt_keys={"k": JwtKey("HS256", b"j" * 32)})
    host = Host(replace(settings(), auth=auth))
    await host.start()
    try:
        claims = {"iss": "me", "aud": "posewire", "sub": "ann", "scope": "*", "exp": time.time() + 1.5}
        token = jwt.encode(claims, b"j" * 32, headers={"kid": "k"})
        async with connect(host.url, additional_headers=bearer(token)) as socket:
            await Peer(socket).hello()
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 10)
            assert socket.close_code == 1008
        with pytest.raises(InvalidStatus):
            await connect(host.url, additional_headers=bearer(token))
    finally:
        await host.stop()


async def test_a_token_of_the_stock_key_is_good(host: Host) -> None:
    token = make_stock_token(STOCK_KEY, MAC, CLIENT)
    async with connect(host.url, additional_headers=bearer(token, **DEVICE)) as socket:
        await Peer(socket).hello()


async def test_nobody_takes_the_place_of_a_board_with_a_token_of_its_own(host: Host) -> None:
    def issue(connection: sqlite3.Connection) -> tuple[str, str]:
        board = issue_token(connection, "kitchen", "device", ["voice"], device_id="kitchen")
        return board, issue_token(connection, "viewer", "person", ["room.join:x"])

    board, viewer = await host.services.store.run(issue)
    await host.services.identities.refresh(force=True)
    async with connect(host.url, additional_headers=bearer(board)) as socket:
        peer = Peer(socket)
        await peer.hello()
        with pytest.raises(InvalidStatus) as refused:
            await connect(host.url, additional_headers=bearer(viewer, **{"Device-Id": "Kitchen"}))
        assert refused.value.response.status_code == 401
        await peer.echo()
    # Who may use any id, and the id of a token that is no longer good, may still be used.
    async with connect(host.url, additional_headers=bearer("the owner's", **{"Device-Id": "kitchen"})) as socket:
        await Peer(socket).hello()
    await host.services.store.run(lambda c: revoke_token(c, board.split("_")[1], ""))
    await host.services.identities.refresh(force=True)
    async with connect(host.url, additional_headers=bearer(viewer, **{"Device-Id": "kitchen"})) as socket:
        await Peer(socket).hello()


async def test_a_token_that_is_taken_back_before_the_hello_opens_nothing(host: Host) -> None:
    token = await host.services.store.run(lambda c: issue_token(c, "ann", "person", ["*"]))
    await host.services.identities.refresh(force=True)
    async with connect(host.url, additional_headers=bearer(token)) as socket:
        await host.services.store.run(lambda c: revoke_token(c, token.split("_")[1], ""))
        await host.services.identities.refresh(force=True)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 10)
        assert socket.close_code == 1008


async def test_who_returns_with_a_lesser_token_does_not_return_into_the_room(host: Host) -> None:
    def issue(connection: sqlite3.Connection) -> list[str]:
        join, publish = "room.join:secret", "room.publish:secret"
        return [
            issue_token(connection, "ann", "person", scopes) for scopes in ([join, publish], [join], [join, publish])
        ]

    first, lesser, again = await host.services.store.run(issue)
    await host.services.identities.refresh(force=True)

    async def come(token: str, session: str = "") -> tuple[Peer, dict[str, Any]]:
        peer = Peer(await connect(host.url, additional_headers=bearer(token, **{"Device-Id": "ann"})))
        return peer, await peer.hello(resume=session)

    async with connect(host.url, additional_headers=bearer("the owner's", **{"Device-Id": "watcher"})) as socket:
        watcher = Peer(socket)
        await watcher.hello()
        await watcher.join("secret")
        peer, answer = await come(first)
        session = answer["session_id"]
        await peer.join("secret", publish=["pose"])
        peer.socket.transport.abort()
        await watcher.receive("room", event="away")
        peer, answer = await come(again, session)
        assert (await peer.receive("room", event="welcome"))["member_id"] == 2
        peer.socket.transport.abort()
        await watcher.receive("room", event="away")
        peer, answer = await come(lesser, session)
        assert answer["resumed"]
        assert (await watcher.receive("room", event="left"))["member_id"] == 2
        await peer.send(type="room", action="subscribe", subscribe=["pose"])
        assert (await peer.receive("error"))["code"] == "not_in_room"
        await peer.socket.close()


async def test_nobody_takes_the_place_of_a_connected_board_of_another_issuer(host: Host) -> None:
    viewer = await host.services.store.run(lambda c: issue_token(c, "viewer", "person", ["room.join:x"]))
    await host.services.identities.refresh(force=True)
    board = make_stock_token(STOCK_KEY, MAC, CLIENT)
    async with (
        # This host has never heard of that device: its id is free until it comes.
        connect(host.url, additional_headers=bearer(viewer, **{"Device-Id": MAC})) as early,
        connect(host.url, additional_headers=bearer(board, **DEVICE)) as socket,
    ):
        peer, thief = Peer(socket), Peer(early)
        await peer.hello()
        await thief.send(type="hello")
        assert (await thief.receive("error"))["code"] == "unauthorized"
        await peer.echo()
        # The board itself may connect again.
        async with connect(host.url, additional_headers=bearer(board, **DEVICE)) as again:
            await Peer(again).hello()


async def test_scopes_bound_what_a_token_can_do(host: Host) -> None:
    token = await host.services.store.run(
        lambda c: issue_token(c, "wall", "program", ["room.join:studio", "room.publish:stage"])
    )
    await host.services.identities.refresh(force=True)
    async with connect(host.url, additional_headers=bearer(token, **{"Device-Id": "wall"})) as socket:
        peer = Peer(socket)
        await peer.hello()
        for message in (
            {"type": "listen", "state": "start"},
            {"type": "room", "action": "join", "room": "hall"},
            {"type": "room", "action": "join", "room": "studio", "publish": ["audio"]},
            {"type": "server", "action": "restart"},
            {"type": "state", "action": "get", "name": "host"},
        ):
            await peer.send(**message)
            assert (await peer.receive("error"))["code"] == "forbidden"
        assert (await peer.join("studio"))["room"] == "studio"
        # Who only listens there reads the room's state.
        await peer.send(type="state", action="get", name="room:studio")
        version = (await peer.receive("state"))["version"]
        await peer.send(type="state", action="patch", name="room:studio", base=version, changes={"a": 1})
        assert (await peer.receive("error"))["code"] == "forbidden"
        # The secret of somebody who may, as managers of stock servers send it.
        await peer.send(type="server", action="restart", content={"secret": "wrong"})
        assert (await peer.receive("error"))["code"] == "unauthorized"
        await peer.send(type="server", action="restart", content={"secret": "the owner's"})
        assert (await peer.receive("error"))["code"] == "not_available"


async def test_everything_goes_over_tls_where_there_is_a_certificate(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    host = Host(replace(settings(certificate=cert, key=key), auth=AuthSettings(token="the owner's")))
    await host.start()
    try:
        context = ssl.create_default_context(cafile=cert)
        assert host.url.startswith("wss://")
        async with connect(host.url, ssl=context, additional_headers=bearer("the owner's")) as socket:
            await Peer(socket).hello()
        url = host.url.replace("wss", "https", 1).replace("/posewire/v1/", "/xiaozhi/ota/")
        status, answer = await asyncio.to_thread(ask, url, DEVICE, INFO, context)
        assert status == 200
        assert answer["websocket"]["url"] == host.url.replace("/posewire/", "/xiaozhi/")
        # Plain text to the TLS port, and a client that trusts somebody else, harm nobody.
        reader, writer = await asyncio.open_connection("127.0.0.1", int(host.url.split(":")[2].split("/")[0]))
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(host.url, ssl=ssl.create_default_context())
        async with connect(host.url, ssl=context, additional_headers=bearer("the owner's")) as socket:
            await Peer(socket).hello()
    finally:
        await host.stop()


async def test_a_renewed_certificate_is_shown_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("posewire.server.assembly.CERTIFICATE_EVERY", 0.02)
    cert, key = self_signed(tmp_path)
    (tmp_path / "new").mkdir()
    new_cert, new_key = self_signed(tmp_path / "new")
    host = Host(replace(settings(certificate=cert, key=key), auth=AuthSettings(token="the owner's")))
    await host.start()
    try:
        old = ssl.create_default_context(cafile=cert)
        async with connect(host.url, ssl=old, additional_headers=bearer("the owner's")) as open_before:
            # Half of the renewal: what is shown still is the old one.
            shutil.copy(new_cert, cert)
            while "certificate_refused" not in caplog.messages:
                await asyncio.sleep(0.01)
            async with connect(host.url, ssl=old, additional_headers=bearer("the owner's")) as socket:
                await Peer(socket).hello()
            shutil.copy(new_key, key)
            new = ssl.create_default_context(cafile=new_cert)
            while True:
                try:
                    async with connect(host.url, ssl=new, additional_headers=bearer("the owner's")) as socket:
                        await Peer(socket).hello()
                    break
                except ssl.SSLCertVerificationError:
                    await asyncio.sleep(0.02)
            await Peer(open_before).hello()
    finally:
        await host.stop()


def signed(key: bytes, kid: str) -> str:
    claims = {"iss": "me", "aud": "posewire", "sub": kid, "scope": "*", "exp": time.time() + 600}
    return jwt.encode(claims, key, headers={"kid": kid})


async def test_new_keys_and_tokens_count_at_once_and_shut_out_whom_they_no_longer_let_in() -> None:
    old, new = JwtKey("HS256", b"o" * 32), JwtKey("HS256", b"n" * 32)
    first = AuthSettings(token="first", pairing=True, stock_key=STOCK_KEY, jwt_issuer="me", jwt_keys={"old": old})
    wanted = [first]
    load = lambda: replace(settings(), auth=wanted[-1])  # noqa: E731
    host = Host(load(), Config(load))
    await host.start()
    try:
        tokens = {
            "shared": "first",
            "jwt": signed(old.key, "old"),
            "stock": make_stock_token(STOCK_KEY, "stock", ""),
            "issued": await host.services.store.run(lambda c: issue_token(c, "wall", "program", ["voice"])),
        }
        await host.services.identities.refresh(force=True)
        peers = {}
        for name, token in tokens.items():
            peers[name] = Peer(await connect(host.url, additional_headers=bearer(token, **{"Device-Id": name})))
            await peers[name].hello()
        unsaid = Peer(await connect(host.url, additional_headers=bearer("first", **{"Device-Id": "unsaid"})))

        # Another key beside the old one, and fewer scopes: everybody stays.
        wanted.append(replace(first, token_scopes=frozenset({"voice"}), jwt_keys={"old": old, "new": new}))
        assert await host.services.control.reload() == "changed: [auth] token_scopes, [auth] jwt_keys"
        async with connect(host.url, additional_headers=bearer(signed(new.key, "new"))) as socket:
            await Peer(socket).hello()
        for peer in peers.values():
            await peer.echo()
        await peers["shared"].send(type="room", action="join", room="studio")
        assert (await peers["shared"].receive("error"))["code"] == "forbidden"

        # Only what the store vouches for is left.
        wanted.append(AuthSettings(token="second", pairing=True, jwt_issuer="me", jwt_keys={"new": new}))
        await host.services.control.reload()
        for name in ("shared", "jwt", "stock"):
            with pytest.raises(ConnectionClosed):
                await peers[name].receive()
            assert peers[name].socket.close_code == 1008
            with pytest.raises(InvalidStatus):
                await connect(host.url, additional_headers=bearer(tokens[name], **{"Device-Id": name}))
        with pytest.raises(ConnectionClosed):
            await unsaid.hello()
        await peers["issued"].echo()
        async with connect(host.url, additional_headers=bearer("second")) as socket:
            await Peer(socket).hello()

        # What makes no sense changes nothing.
        wanted.append(AuthSettings(token="third", jwt_issuer="me", jwt_keys={"x": JwtKey("ES256", b"no key")}))
        with pytest.raises(ConfigError):
            await host.services.control.reload()
        async with connect(host.url, additional_headers=bearer("second")) as socket:
            await Peer(socket).hello()
        await peers["issued"].socket.close()
    finally:
        await host.stop()


async def test_who_may_no_longer_speak_is_not_listened_to_any_more() -> None:
    wanted = [frozenset({"voice"})]
    load = lambda: replace(  # noqa: E731
        settings(), voice=VoiceSettings(tts="none"), auth=AuthSettings(token="everybody's", token_scopes=wanted[-1])
    )
    host = Host(load(), Config(load))
    await host.start()
    try:
        async with connect(host.url, additional_headers=bearer("everybody's", **DEVICE)) as socket:
            peer = Peer(socket)
            await peer.hello()
            await peer.send(type="listen", state="start", mode="realtime")
            await peer.echo()
            handler = host.services.registry.device(MAC.lower())
            assert handler is not None
            assert handler.voice.state == "listening"
            wanted.append(frozenset({"room.*"}))
            await host.services.control.reload()
            assert (await peer.receive("error"))["code"] == "forbidden"
            assert handler.voice.state == "idle"
            # Said once; and what it may still be told is not cut by other changes.
            wanted.append(frozenset({"room.join"}))
            await host.services.control.reload()
            await peer.send(type="ping", id=1)
            assert (await peer.receive())["type"] == "pong"
    finally:
        await host.stop()


async def test_a_host_on_the_network_is_not_laid_open_by_a_reload() -> None:
    wanted = [AuthSettings(token="first" * 4)]
    load = lambda: replace(settings(host="0.0.0.0"), auth=wanted[-1])  # noqa: E731
    host = Host(load(), Config(load))
    await host.start()
    try:
        wanted.append(AuthSettings())
        with pytest.raises(ConfigError, match="authentication"):
            await host.services.control.reload()
        assert host.services.settings.auth.token == "first" * 4
    finally:
        await host.stop()


async def test_who_says_nothing_to_the_tls_port_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posewire.server.transport.listener.OPENING_TIMEOUT", 0.2)
    cert, key = self_signed(tmp_path)
    host = Host(replace(settings(certificate=cert, key=key), auth=AuthSettings(token="the owner's")))
    await host.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(host.url.split(":")[2].split("/")[0]))
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
    finally:
        await host.stop()


@pytest.mark.parametrize(("cert", "key"), [("missing.pem", ""), ("host.key", ""), ("host.pem", "missing.pem")])
async def test_a_certificate_that_does_not_load_stops_the_start(tmp_path: Path, cert: str, key: str) -> None:
    self_signed(tmp_path)
    with pytest.raises(ConfigError, match="certificate"):
        await Host(settings(certificate=str(tmp_path / cert), key=str(tmp_path / key) if key else "")).start()


async def test_wrong_tokens_cannot_be_tried_without_end(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.services.failures = FailureLimit(6)
    headers = bearer("the owner's", **{"Device-Id": "x"})

    async def opening(headers: dict[str, str]) -> int:
        with pytest.raises(InvalidStatus) as refused:
            await connect(host.url, additional_headers=headers)
        return refused.value.response.status_code

    for _ in range(10):
        assert await opening(bearer("wrong")) == 401  # from this machine
    token = await host.services.store.run(lambda c: issue_token(c, "wall", "program", ["voice"]))
    await host.services.identities.refresh(force=True)
    monkeypatch.setattr("posewire.server.rate_limit.is_loopback", lambda address: False)
    async with connect(host.url, additional_headers=bearer(token)) as socket:
        peer = Peer(socket)
        await peer.hello()
        for _ in range(2):
            assert await opening(bearer("wrong")) == 401
            assert (await http(host, "/api/devices", bearer("wrong")))[0] == 401
            await peer.send(type="server", action="restart", content={"secret": "wrong"})
            assert (await peer.receive("error"))["code"] == "unauthorized"
        # Nor is the right one told from wrong ones now.
        assert await opening(headers) == 429
        assert (await http(host, "/api/devices", headers))[0] == 429
        await peer.send(type="server", action="restart", content={"secret": "the owner's"})
        assert (await peer.receive("error"))["code"] == "too_many"


def test_off_loopback_the_shared_token_is_long() -> None:
    for address in ("0.0.0.0", "192.168.1.5"):
        with pytest.raises(ConfigError, match="at least 16 characters"):
            Host(replace(settings(host=address), auth=AuthSettings(token="t" * 15)))
        Host(replace(settings(host=address), auth=AuthSettings(token="t" * 16)))
    Host(replace(settings(), auth=AuthSettings(token="t")))


def test_off_loopback_pairing_is_authentication_enough() -> None:
    Host(replace(settings(host="0.0.0.0"), auth=AuthSettings(pairing=True)))
    with pytest.raises(ConfigError, match="authentication"):
        Host(settings(host="0.0.0.0"))
