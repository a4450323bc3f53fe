"""``/api/devices``: one resource for each device, connected or paired, and one shape of every refusal."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import numpy as np
import pytest
import pytest_asyncio

from posewire.boards.folders import firmware_folder
from posewire.boards.profiles import is_used
from posewire.identity.stored import pair
from posewire.install.compact.merge import PACKAGE
from posewire.install.compact.shorten import original_names
from posewire.server.host import Host
from posewire.wire.messages import AudioParams
from support.mcp_device import answer
from support.peers import Peers

DEVICE = "aa:bb:cc:00:00:01"
AWAY = "aa:bb:cc:00:00:02"

PATHS = (
    ("POST", "devices"),
    ("POST", f"devices/{DEVICE}/update"),
    ("POST", f"devices/{DEVICE}/tools/self.a"),
    ("POST", f"devices/{DEVICE}/ask"),
    ("POST", f"devices/{DEVICE}/say"),
    ("PATCH", f"devices/{DEVICE}/settings"),
    ("POST", f"devices/{DEVICE}/enrol"),
)
"""All endpoints of the API that read a JSON body."""


@pytest_asyncio.fixture
async def operator(host: Host) -> AsyncIterator[httpx2.AsyncClient]:
    base = host.url.replace("ws://", "http://").replace("/posewire/v1/", "/api/")
    async with httpx2.AsyncClient(base_url=base) as client:
        yield client


def board_name(name: str) -> tuple[str, str]:
    """The module and the name under which a board with little memory knows a name of the source."""
    firmware = firmware_folder()
    files = [path for path in (firmware / PACKAGE).glob("*.py") if is_used(path.stem, "motion")]
    sources = {path: path.read_text("utf-8") for path in sorted([*files, firmware / "posewire_slots.py"])}
    return next(place for place, original in original_names(sources).items() if original == name)


async def pair_away(host: Host) -> None:
    pairing = await host.services.identities.want_pairing(AWAY, "client", "box", "")
    await host.services.store.run(lambda c: pair(c, pairing.code, "hall", ["voice"], "test"))
    await host.services.identities.refresh(force=True)


async def test_a_device_without_settings_says_so(host: Host, peers: Peers, operator: httpx2.AsyncClient) -> None:
    path = f"devices/{DEVICE}/settings"
    assert (await operator.get(path)).status_code == 404
    peer = await peers.connect(DEVICE)
    await peer.hello(features={"mcp": True})
    device = asyncio.create_task(answer(peer, [["self.lamp"]]))
    assert ((await operator.get(path)).status_code, (await operator.get(path)).json()["code"]) == (501, "not_available")
    refused = await operator.patch(path, json={"name": "audio.volume", "value": 3})
    assert "this device tells no settings" in refused.json()["message"]
    assert (await operator.patch(path, json={"name": "audio.volume"})).status_code == 400
    device.cancel()


async def test_who_waits_is_listed_with_the_code(host: Host, operator: httpx2.AsyncClient) -> None:
    assert (await operator.get("pairings")).json() == {"waiting": []}
    code = (await host.services.identities.want_pairing(AWAY, "client", "box", "10.0.0.7")).code
    (waiting,) = (await operator.get("pairings")).json()["waiting"]
    assert waiting.pop("expires") > 0
    assert waiting == {"code": code, "device": AWAY, "board": "box", "address": "10.0.0.7"}
    await operator.post("devices", json={"code": code})
    assert (await operator.get("pairings")).json() == {"waiting": []}


async def test_how_far_a_device_is_and_how_loud(peers: Peers, operator: httpx2.AsyncClient, host: Host) -> None:
    peer = await peers.connect(DEVICE)
    await peer.hello()
    session = (await operator.get(f"devices/{DEVICE}")).json()["session"]
    assert session["level_db"] is None
    if sys.platform == "linux":
        assert 0 < session["rtt_ms"] < 60_000
    handler = host.services.registry.device(DEVICE)
    assert handler is not None
    handler.voice.set_format(AudioParams(format="pcm"))
    handler.voice.decode(np.full(960, 3277, "<i2").tobytes())
    session = (await operator.get(f"devices/{DEVICE}")).json()["session"]
    assert session["level_db"] == -20.0


async def test_connected_and_paired_devices_are_one_list(
    host: Host, peers: Peers, operator: httpx2.AsyncClient
) -> None:
    peer = await peers.connect(DEVICE)
    await peer.hello(device={"board": "sim", "firmware": "1.2"}, features={"update": True, "telemetry": True})
    await peer.send(type="telemetry", heap_free=1234)
    await peer.echo()
    await pair_away(host)
    connected, away = (await operator.get("devices")).json()["devices"]
    assert connected["device"] == DEVICE
    assert {name: connected["session"][name] for name in ("board", "firmware", "updatable")} == {
        "board": "sim",
        "firmware": "1.2",
        "updatable": True,
    }
    # Who may read must not be able to resume the session.
    handler = host.services.registry.device(DEVICE)
    assert handler is not None
    assert handler.session_id.startswith(connected["session"]["id"])
    assert handler.session_id not in (await operator.get("devices")).text
    assert connected["report"]["heap_free"] == 1234
    assert (connected["pairing"], connected["update"]) == (None, None)
    assert (away["device"], away["session"], away["report"]) == (AWAY, None, None)
    assert (away["pairing"]["name"], away["pairing"]["scopes"]) == ("hall", ["voice"])
    assert (await operator.get(f"devices/{DEVICE.upper()}")).json()["device"] == DEVICE
    assert (await operator.get(f"devices/{AWAY}")).json() == away
    assert (await operator.get("images")).json() == {"images": []}


async def test_a_crash_is_told_in_the_names_of_the_source(
    host: Host, peers: Peers, operator: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    module, short = board_name("on_binary")
    peer = await peers.connect(DEVICE)
    await peer.hello(device={"board": "esp32-devkit"}, features={"telemetry": True})
    await peer.send(type="telemetry", crash=f'Traceback:\n  File "{module}", in {short}\nMemoryError: 512 bytes')
    while "board_crashed" not in caplog.text:
        await asyncio.sleep(0.02)
    crash = (await operator.get(f"devices/{DEVICE}")).json()["report"]["crash"]
    assert crash == f'Traceback:\n  File "{module}", in on_binary\nMemoryError: 512 bytes'


async def test_a_pairing_is_ended_and_stays_visible(host: Host, operator: httpx2.AsyncClient) -> None:
    await pair_away(host)
    assert (await operator.delete(f"devices/{AWAY.upper()}/pairing")).json() == {"device": AWAY}
    assert (await operator.get(f"devices/{AWAY}")).json()["pairing"]["revoked"] is not None
    refused(await operator.delete(f"devices/{AWAY}/pairing"), 404, "not_found")


async def test_a_device_that_is_not_there_is_not_found(operator: httpx2.AsyncClient) -> None:
    for path in (f"devices/{DEVICE}", f"devices/{DEVICE}/tools", f"devices/{DEVICE}/update"):
        refused(await operator.get(path), 404, "not_found")
    for method, path in PATHS[1:4]:
        refused(await operator.request(method, path), 404, "not_found")


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b'{"a":' * 100_000, b"[]", b"3", b"\xff", b'{"a": NaN}'])
async def test_a_body_that_is_no_json_object_is_refused_everywhere_alike(
    peers: Peers, operator: httpx2.AsyncClient, body: bytes
) -> None:
    peer = await peers.connect(DEVICE)
    await peer.hello(features={"mcp": True})
    for method, path in PATHS:
        refused(await operator.request(method, path, content=body), 400, "bad_json")
    ota = str(operator.base_url).replace("/api/", "/xiaozhi/ota/")
    headers = {"Device-Id": DEVICE, "Client-Id": "c"}
    refused(await operator.post(ota, content=body, headers=headers), 400, "bad_json")


@pytest.mark.parametrize("body", [{}, {"code": 123456}, {"code": "1", "name": 3}, {"code": "1", "scopes": ["voice"]}])
async def test_a_field_of_the_wrong_type_is_named(operator: httpx2.AsyncClient, body: dict[str, Any]) -> None:
    answer = await operator.post("devices", json=body)
    refused(answer, 400, "bad_message")
    assert any(f'"{name}"' in answer.json()["message"] for name in ("code", "name", "scopes"))


def refused(answer: httpx2.Response, status: int, code: str) -> None:
    error = answer.json()
    assert (answer.status_code, error["type"], error["code"]) == (status, "error", code)
    assert error["message"]


async def test_any_device_can_have_a_name(host: Host, peers: Peers, operator: httpx2.AsyncClient) -> None:
    await (await peers.connect(DEVICE)).hello()
    await pair_away(host)
    for device, before in ((DEVICE, ""), (AWAY, "hall")):
        assert (await operator.patch(f"devices/{device}", json={"name": " kitchen "})).json()["name"] == "kitchen"
        assert (await operator.get(f"devices/{device}")).json()["name"] == "kitchen"
        assert (await operator.patch(f"devices/{device}", json={"name": ""})).json()["name"] == before
    assert (await operator.patch(f"devices/{DEVICE}", json={"name": "x" * 65})).status_code == 400
    assert (await operator.patch(f"devices/{DEVICE}", json={"name": "a\x1bb"})).status_code == 400
    assert (await operator.patch(f"devices/{DEVICE}", json={})).status_code == 400
    assert (await operator.patch("devices/nobody", json={"name": "x"})).status_code == 404
