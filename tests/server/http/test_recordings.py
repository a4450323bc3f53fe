"""``/api/recordings``: rooms recorded, played and exported by the host's own programs, as real processes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import pytest_asyncio

import posewire
from posewire.errors import WireError
from posewire.identity.settings import AuthSettings
from posewire.rooms.recording import POSE, Record, RecordingWriter, read_recording
from posewire.server.host import Host
from posewire.server.programs.recording_export import Export
from posewire.store.settings import StoreSettings
from posewire.wire.pose import PoseEncoder
from support.hosts import http_url, running, settings

TOKEN = "a-token-that-is-long-enough"
pytestmark = pytest.mark.timeout(300)


@pytest_asyncio.fixture(params=["", TOKEN], ids=["open", "token"])
async def host(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Host]:
    wanted = replace(settings(), store=StoreSettings(str(tmp_path / "host.db")), auth=AuthSettings(token=request.param))
    async with running(wanted) as started:
        yield started


@pytest_asyncio.fixture
async def operator(host: Host) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}"} if host.services.settings.auth.token else {}
    async with httpx2.AsyncClient(base_url=http_url(host, "/api"), headers=headers, timeout=60) as client:
        yield client


async def until(operator: httpx2.AsyncClient, ready: Any) -> dict[str, Any]:
    """Ask for the recordings until they are as wanted."""
    async with asyncio.timeout(120):
        while True:
            found: dict[str, Any] = (await operator.get("/recordings")).json()
            assert found["failed"] == ""
            if ready(found):
                return found
            await asyncio.sleep(0.1)


async def test_a_room_is_recorded_played_and_exported(host: Host, operator: httpx2.AsyncClient, tmp_path: Path) -> None:
    token = host.services.settings.auth.token
    async with posewire.connect(host.url, device="ann", token=token) as ann:
        room = await ann.join("-studio", publish=["pose"])
        # Two pages ask for the same, at once and later: there is one recording.
        asked = await asyncio.gather(*(operator.post("/recordings", json={"room": "-studio"}) for _ in range(2)))
        assert sorted(answer.status_code for answer in asked) == [201, 409]
        assert (await operator.post("/recordings", json={"room": "-studio"})).json()["code"] == "busy"
        found = await until(operator, lambda found: [each["running"] for each in found["recordings"]] == [True])
        number = found["recordings"][0]["number"]
        sender = room.sender(fps=1000)
        before = found["recordings"][0]["bytes"]
        async with asyncio.timeout(60):
            while (await operator.get("/recordings")).json()["recordings"][0]["bytes"] < before + 500:
                sender.send(coco=[[0.5, 0.5, 1.0]] * 17)
                await asyncio.sleep(0.02)
        assert (await operator.delete(f"/recordings/{number}")).status_code == 409
        assert (await operator.post(f"/recordings/{number}/stop")).status_code == 200
        (recording,) = (await operator.get("/recordings")).json()["recordings"]
        assert recording["running"] is False
        assert recording["seconds"] > 0
        assert recording["members"] == ["ann"]
        # The recorder's token is of no use any more.
        assert [each.alive for each in host.services.identities.tokens.values()] == ([False] if token else [])

        whole = tmp_path / "whole.pwrec"
        whole.write_bytes((await operator.get(f"/recordings/{number}/file")).content)
        assert sum(record.kind == 16 for record in read_recording(whole)) == recording["pose"]
        table = (await operator.get(f"/recordings/{number}/file", params={"format": "csv"})).text
        assert table.count("ann") == recording["pose"] * 17
        refused = await operator.get(f"/recordings/{number}/file", params={"format": "csv", "device": "nobody"})
        assert "no poses of the devices" in refused.json()["message"]
        assert (await operator.get(f"/recordings/{number}/file", params={"format": "exe"})).status_code == 400

        stage = await ann.join("-stage", subscribe=["pose"])
        played = await operator.post(f"/recordings/{number}/play", json={"room": "-stage", "speed": 1})
        assert played.status_code == 201
        async with asyncio.timeout(60):
            pose = await anext(aiter(stage.poses()))
        assert "coco17" in pose.values
        await until(operator, lambda found: found["players"] == [])
        assert (await operator.delete(f"/recordings/{number}")).status_code == 200
        assert (await operator.get("/recordings")).json()["recordings"] == []
        assert list((tmp_path / "recordings").iterdir()) == []


async def test_an_export_says_how_far_it_is(host: Host, operator: httpx2.AsyncClient, tmp_path: Path) -> None:
    source = tmp_path / "long.pwrec"
    encoder = PoseEncoder("coco17")
    with RecordingWriter(source) as writer:
        for number in range(400):
            packet = encoder.encode(np.full((17, 3), number / 400, np.float32), number * 10)
            writer.write(Record(number * 10_000, POSE, 1, packet))
    export = Export(source, "csv")
    seen = set()

    async def look() -> None:
        while True:
            seen.add(export.percent)
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    host.services.recordings.exports.append(export)
    assert (await operator.get("/recordings")).json()["exports"] == [
        {"file": "long.pwrec", "format": "csv", "percent": 0}
    ]
    await export.run(tmp_path / "long.csv")
    looking.cancel()
    assert export.percent == 100
    assert len(seen) > 2
    assert (tmp_path / "long.csv").read_text().count("\n") > 400 * 17
    with pytest.raises(WireError, match="no poses of the devices"):
        await Export(source, "csv", "-nobody").run(tmp_path / "none.csv")


async def test_what_is_not_there_is_said(host: Host, operator: httpx2.AsyncClient) -> None:
    assert (await operator.get("/recordings/7/file")).status_code == 404
    assert (await operator.post("/recordings/7/stop")).status_code == 404
    assert (await operator.delete("/players/7")).status_code == 404
    assert (await operator.post("/recordings", json={"room": ""})).status_code == 400
    assert (await operator.post("/recordings", json={"room": "a\nb"})).status_code == 400
    if host.services.settings.auth.token:
        assert (await operator.post("/recordings", json={"room": "*"})).status_code == 400
        token = await host.services.identities.issue("x", "person", ["operator.act", "room.join:mine"], 1)
        other = {"Authorization": f"Bearer {token}"}
        assert (await operator.post("/recordings", json={"room": "-studio"}, headers=other)).status_code == 403


async def test_a_host_that_keeps_nothing_says_so() -> None:
    async with (
        running(replace(settings(), store=StoreSettings(":memory:"))) as host,
        httpx2.AsyncClient(base_url=http_url(host, "/api")) as client,
    ):
        assert (await client.get("/recordings")).json()["available"] is False
        assert (await client.post("/recordings", json={"room": "-studio"})).status_code == 501
