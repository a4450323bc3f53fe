"""A connection uses any transport: one in memory, one that is recorded, and a record in place of a host."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import posewire
from posewire.client.reconnect import NO_RECONNECT
from posewire.client.transports.base import Transport
from posewire.client.transports.memory import MemoryTransport, memory_pair
from posewire.client.transports.recording import read_record, recording, replaying
from posewire.client.transports.websocket import open_websocket
from posewire.errors import ConfigError
from posewire.server.host import Host

NOWHERE = "ws://nowhere.invalid/"


async def small_host(far: MemoryTransport) -> None:
    """Answer hello and pings, as a host does."""
    async for message in far.messages():
        said = json.loads(message)
        if said["type"] == "hello":
            answer = {"type": "hello", "session_id": "one", "audio_params": said["audio_params"], "features": {}}
            await far.send(json.dumps(answer))
        elif said["type"] == "ping":
            await far.send(json.dumps({"type": "pong", "id": said["id"]}))
        elif said["type"] == "goodbye":
            await far.close()


async def test_a_connection_over_memory() -> None:
    near, far = memory_pair()
    answering = asyncio.create_task(small_host(far))

    async def open_memory(url: str, headers: Mapping[str, str], timeout_s: float) -> Transport:
        assert headers["Device-Id"] == "left"
        return near

    connection = posewire.connect(NOWHERE, device="left", open_transport=open_memory, reconnect=NO_RECONNECT)
    async with connection:
        assert connection.session_id == "one"
        await connection.flush()
        transport = connection.status()["transport"]
        assert transport["name"] == "memory"
        assert transport["messages_out"] >= 1
        assert transport["bytes_in"] > 20
    await answering
    assert near.close_reason == "closed"


async def test_memory_breaks_and_loses_as_it_is_told() -> None:
    near, far = memory_pair(capacity=2)
    await near.send("one")
    await near.send(b"two")
    full = asyncio.create_task(near.send("three"))
    await asyncio.sleep(0)
    assert not full.done()  # it waits for the other end
    arriving = far.messages()
    assert [await anext(arriving) for _ in range(3)] == ["one", b"two", "three"]
    await full
    near.fate = lambda message, delivery: ()
    await near.send("lost")
    near.fate = lambda message, delivery: None
    with pytest.raises(ConnectionError):
        await near.send("broken")
    assert [message async for message in arriving] == []
    assert (near.statistics()["failed"], far.statistics()["messages_in"]) == (1, 3)
    with pytest.raises(ConnectionError):
        await near.probe()


async def test_a_session_is_recorded_and_played_without_its_host(host: Host, tmp_path: Path) -> None:
    async with (
        posewire.connect(host.url, device="stage") as stage,
        posewire.connect(host.url, device="seen", open_transport=recording(open_websocket, tmp_path)) as recorded,
    ):
        sender = (await stage.join("studio", publish=["pose"])).sender(fps=1000, qos="ordered")
        room = await recorded.join("studio")
        poses = room.poses()
        for step in range(5):
            sender.send(body=np.full((33, 4), step / 8))
        seen = [(await anext(poses)).values["body33"][0, 0] for _ in range(5)]
    file = tmp_path / "session-1.jsonl"
    assert {line.side for line in read_record(file)} == {"in", "out"}
    for speed in (0.0, 20.0):
        played = posewire.connect(NOWHERE, open_transport=replaying(file, speed), reconnect=NO_RECONNECT)
        async with played:
            room = await played.join("studio")
            assert [(pose.device, pose.values["body33"][0, 0]) async for pose in room.poses()] == [
                ("stage", value) for value in seen
            ]
            assert room.closed == "the record is over"


def test_what_is_no_record_is_told(tmp_path: Path) -> None:
    file = tmp_path / "session.jsonl"
    with pytest.raises(ConfigError, match="cannot be read"):
        read_record(file)
    for line in ("nothing", '{"at":1}', '{"at":1,"side":"up","text":""}', '{"at":1,"side":"in","data":"?"}'):
        file.write_text('{"at":0,"side":"in","text":"{}"}\n' + line)
        with pytest.raises(ConfigError, match=r"session.jsonl:2: not a message of a record"):
            read_record(file)
