"""Bodies, paths and headers of any shape: none is a fault of the host."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posewire.identity.settings import AuthSettings
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.update.settings import UpdateSettings
from support.json_values import deep, json_objects, json_values
from support.peers import Peers

DEVICE = "aa:bb:cc:00:00:01"
TOKEN = "a-token-that-is-long-enough"
PATHS = (
    "/api/devices",
    f"/api/devices/{DEVICE}/update",
    f"/api/devices/{DEVICE}/tools/self.a",
    f"/api/devices/{DEVICE}/ask",
    f"/api/devices/{DEVICE}/say",
    f"/api/devices/{DEVICE}/enrol",
    "/api/voiceprints/ann",
    "/api/boards/esp32-devkit/files",
    "/xiaozhi/ota/",
    "/xiaozhi/ota/activate",
)
NAMES = (
    "code", "name", "scopes", "kind", "image", "arguments", "text", "urgent", "keep", "emotion", "wait", "utterances",
    "application", "version", "board", "type", "state", "profile",
)  # fmt: skip
WORDS = ("app", "image", "voice", "*", "123456", "../x")
BODIES = st.one_of(
    json_objects(*NAMES, words=WORDS).map(json.dumps),
    json_values(*NAMES, words=WORDS).map(json.dumps),
    # Half characters, as escapes: nothing of them can be written anywhere.
    st.sampled_from(NAMES).map(lambda name: f'{{"{name}":"\\ud83d"}}'),
    st.sampled_from(NAMES).map(lambda name: deep(2000, name)),
    st.sampled_from(["", "[", "NaN", '{"keep":1e999}', '{"keep":' + "9" * 4000 + "}"]),
)


@pytest.mark.parametrize("token", ["", TOKEN])
@given(st.lists(st.tuples(st.sampled_from(PATHS), BODIES), min_size=10, max_size=40))
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_no_body_is_a_fault_of_the_host(token: str, requests: list[tuple[str, str]]) -> None:
    async def run() -> None:
        auth = AuthSettings(token=token, pairing=bool(token))
        host = Host(Settings(server=ServerSettings(port=0), voice=None, auth=auth))
        await host.start()
        peers = Peers(host.url)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}"} if token else {}
            peer = await peers.connect(DEVICE, **headers)
            await peer.hello(features={"update": True})
            base = host.url.replace("ws://", "http://").replace("/posewire/v1/", "")
            async with httpx2.AsyncClient(base_url=base, headers={"Device-Id": "x", "Client-Id": "y"}) as client:
                for path, body in requests:
                    own = {} if "ota" in path else headers
                    answer = await client.post(path, content=body.encode(), headers=own)
                    assert answer.status_code != 500, (path, body, answer.text)
        finally:
            await peers.close()
            await host.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/api/devices?authorization=%ED%A0%80", {}),
        ("/api/devices?authorization=Bearer%20%F0%9F%98%80", {}),
        ("/api/devices/%ED%A0%80", {}),
        ("/xiaozhi/ota/?device-id=%ED%A0%80&client-id=%ED%A0%80", {}),
        ("/xiaozhi/ota/", {"Device-Id": b"\xed\xa0\x80", "Client-Id": b"\xff"}),
        ("/api/devices", {"Authorization": b"Bearer \xed\xa0\x80"}),
        ("/api/devices", {"Authorization": b"Bearer pw_\xff_\xff"}),
        ("/api/devices", {"Authorization": b"Bearer " + b"\xed\xa0\x80" * 14 + b"x.123"}),
        ("/api/devices", {"Authorization": b"Bearer a.b.\xed\xa0\x80"}),
    ],
)
async def test_no_head_is_a_fault_of_the_host(path: str, header: dict[str, Any]) -> None:
    host = Host(Settings(server=ServerSettings(port=0), voice=None, auth=AuthSettings(token=TOKEN, pairing=True)))
    await host.start()
    base = host.url.replace("ws://", "http://").replace("/posewire/v1/", "")
    async with httpx2.AsyncClient(base_url=base) as client:
        for method in ("GET", "POST"):
            answer = await client.request(method, path, headers=header)
            assert 200 <= answer.status_code < 500
    await host.stop()


async def test_a_file_that_is_no_image_is_the_clients_error(tmp_path: Any) -> None:
    (tmp_path / "wrong.app-bin").write_bytes(b"x" * 100)
    host = Host(Settings(server=ServerSettings(port=0), voice=None, update=UpdateSettings(images=str(tmp_path))))
    await host.start()
    peers = Peers(host.url)
    peer = await peers.connect(DEVICE)
    await peer.hello(features={"update": True})
    base = host.url.replace("ws://", "http://").replace("/posewire/v1/", "")
    async with httpx2.AsyncClient(base_url=base) as client:
        path = f"/api/devices/{DEVICE}/update"
        for body, status in (
            ({"kind": "image", "image": "wrong.app-bin"}, 400),
            ({"kind": "image", "image": "none"}, 404),
            ({"kind": "image", "image": "../wrong.app-bin"}, 404),
            ({"kind": "nonsense"}, 400),
        ):
            assert (await client.post(path, json=body)).status_code == status
    await peers.close()
    await host.stop()
