"""Senders of poses: whoever joins gets a pose, the newest leaves, and limits hold."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest

import posewire
from client.conftest import Link
from posewire.client.connection import HostConnection
from posewire.client.reconnect import FixedDelay, ReconnectPolicy
from posewire.client.sending.pose_sender import PoseSender
from posewire.errors import ConfigError, PoseError
from posewire.server.host import Host
from support.waiting import eventually

NONE: list[str] = []


def body(step: float) -> np.ndarray:
    values = np.full((33, 4), 0.5, np.float32)
    values[:, 0] = step / 1000
    return values


def moving_body(step: int) -> np.ndarray:
    """A body that no packet can repeat: every landmark goes its own way."""
    return np.random.default_rng(step).normal(0, 0.3, (33, 4)).astype(np.float32)


async def publisher(host: Host, **options: object) -> tuple[HostConnection, PoseSender]:
    connection = posewire.connect(host.url, device="publisher")
    await connection.open()
    room = await connection.join("studio", publish=["pose"], subscribe=NONE)
    return connection, room.sender(**options)


async def sent_all(sender: PoseSender, count: int) -> None:
    while sender.statistics()["sent"] < count:
        await asyncio.sleep(0.002)


async def test_who_joins_after_the_host_keeps_no_whole_chain_gets_a_pose(host: Host) -> None:
    connection, sender = await publisher(host, qos="ordered", capacity=400, fps=5000)
    for step in range(300):
        assert sender.send(body=body(step))
    await sent_all(sender, 300)
    async with posewire.connect(host.url, device="late") as late:
        room = await late.join("studio")
        poses = room.poses()
        waiting = asyncio.ensure_future(anext(poses))
        step = 300
        while not waiting.done():  # the host passes its request for a key on, and the sender obeys
            sender.send(body=body(step))
            step += 1
            await asyncio.sleep(0.005)
        received = waiting.result()
        assert received.device == "publisher"
        assert float(received.values["body33"][0, 0]) >= 0.299
        assert step < 400
    await connection.close()


async def test_a_newer_pose_takes_the_place_of_one_that_waits(host: Host) -> None:
    connection, sender = await publisher(host, fps=50)
    async with posewire.connect(host.url) as watcher:
        poses = (await watcher.join("studio")).poses()
        for step in range(500):
            sender.send(body=body(step))
        seen = [await anext(poses)]
        while float(seen[-1].values["body33"][0, 0]) < 0.4989:
            seen.append(await anext(poses))
        assert len(seen) <= 3
        assert sender.statistics()["dropped"]["replaced"] >= 497
    await connection.close()


async def test_ordered_poses_all_arrive_at_an_even_rate(host: Host) -> None:
    connection, sender = await publisher(host, qos="ordered", fps=200)
    async with posewire.connect(host.url) as watcher:
        poses = (await watcher.join("studio")).poses()
        for step in range(40):
            sender.send(body=body(step))
        seen = [await anext(poses) for _ in range(40)]
    assert [round(1000 * float(pose.values["body33"][0, 0])) for pose in seen] == list(range(40))
    assert seen[-1].arrived - seen[0].arrived >= 39 / 200 - 0.02  # not in a burst
    await connection.close()


async def test_a_program_may_write_its_next_pose_into_the_same_array(host: Host) -> None:
    connection, sender = await publisher(host, fps=50, qos="ordered")
    async with posewire.connect(host.url) as other:
        room = await other.join("studio")
        poses = room.poses()
        values = np.zeros((33, 4), np.float32)
        for step in range(1, 5):
            values[:] = step / 8
            assert sender.send(body=values)
        seen = [(await anext(poses)).values["body33"][0, 0] for _ in range(4)]
        assert seen == [0.125, 0.25, 0.375, 0.5]
    await connection.close()


async def test_a_limit_on_bytes_makes_poses_coarser_and_holds(host: Host) -> None:
    connection, sender = await publisher(host, fps=100, max_kbit_s=40)
    began = time.monotonic()
    for step in range(100):
        sender.send(body=moving_body(step))
        await asyncio.sleep(0.005)
    counts = sender.statistics()
    assert counts["coarse"] > 0
    # A quarter of a second may be used ahead, and the last packet.
    assert counts["bytes"] <= 40_000 / 8 * (time.monotonic() - began + 0.25) + 600
    await connection.close()


async def test_a_receiver_may_set_a_byte_budget(host: Host) -> None:
    connection, sender = await publisher(host, fps=200)
    async with posewire.connect(host.url) as watcher:
        room = await watcher.join("studio")
        poses = room.poses()
        sender.send(body=moving_body(0))
        first = await anext(poses)
        assert first.coarse == 0
        room.limit_bytes("publisher", 150)
        step, received = 1, first
        while received.packet_bytes > 150:
            sender.send(body=moving_body(step))
            received = await anext(poses)
            step += 1
            assert step < 50
        assert received.coarse > 0
    await connection.close()


@pytest.mark.parametrize("acknowledge", [True, False])
async def test_a_reliable_stream_refers_to_what_was_acknowledged(host: Host, acknowledge: bool) -> None:
    connection, sender = await publisher(host, qos="reliable", fps=500)
    async with posewire.connect(host.url) as watcher:
        poses = (await watcher.join("studio", acknowledge=acknowledge)).poses()
        layers = []
        for step in range(30):
            sender.send(body=body(step))
            layers.append((await anext(poses)).pose.layer)
    # Layer 0 are candidates for a reference: the next one comes when the last is acknowledged, else after 32 frames.
    assert layers.count(0) >= 4 if acknowledge else layers.count(0) == 2
    await connection.close()


async def test_what_is_not_sent_is_counted_by_its_cause(host: Host) -> None:
    connection, sender = await publisher(host, every=2)
    assert sender.send(body=body(0))
    assert not sender.send(body=body(1))
    await sent_all(sender, 1)
    sender.pause()
    assert not sender.send(body=body(2))
    sender.resume()
    await connection.close()
    assert not sender.send(body=body(4))
    assert not sender.send(body=body(5))
    assert sender.dropped["sampled"] == 2
    assert sender.dropped["paused"] == 1
    assert sender.dropped["closed"] == 1
    assert sender.statistics()["success_rate"] == 1.0


async def test_a_pose_that_is_none_is_refused_whole(host: Host) -> None:
    connection, sender = await publisher(host, sets="body33")
    with pytest.raises(PoseError, match="body33 has 33 x 4 values"):
        sender.send(body=np.zeros((32, 4)))
    with pytest.raises(PoseError, match="this sender's sets are body33"):
        sender.send(face=np.zeros((468, 3)))
    with pytest.raises(PoseError, match="no pose was given"):
        sender.send()
    assert sender.statistics()["accepted"] == 0
    for time_ms in (float("nan"), float("inf")):
        with pytest.raises(PoseError, match="time_ms"):
            sender.send(body=body(0), time_ms=time_ms)
    room = connection.room
    assert room is not None
    with pytest.raises(ConfigError, match="has the stream 0"):
        room.sender(stream=0)
    for wrong in ({"qos": "best"}, {"layers": 3}, {"coarse": 8}, {"stream": 256}, {"layers": 2, "qos": "reliable"}):
        with pytest.raises(ConfigError):
            room.sender(**wrong)
    await connection.close()


async def test_a_set_that_comes_later_joins_the_stream(host: Host) -> None:
    connection, sender = await publisher(host, fps=500)
    async with posewire.connect(host.url) as watcher:
        poses = (await watcher.join("studio")).poses()
        sender.send(body=body(0))
        assert set((await anext(poses)).values) == {"body33"}
        sender.send(body=body(1), face=np.full((468, 3), 0.25))
        assert set((await anext(poses)).values) == {"body33", "face468"}
        sender.send(body=body(2))
        assert set((await anext(poses)).values) == {"body33"}
    await connection.close()


async def test_audio_of_any_rate_arrives_in_the_agreed_format(host: Host) -> None:
    async with posewire.connect(host.url, device="speaker") as speaker, posewire.connect(host.url) as listener:
        room = await speaker.join("studio", publish=["audio"], subscribe=NONE)
        ear = await listener.join("studio", subscribe=["audio"])
        frames: asyncio.Queue[bytes] = asyncio.Queue()
        ear.on("audio", lambda frame: frames.put_nowait(frame.payload))
        sender = room.audio_sender()
        time = np.arange(48_000 // 2) / 48_000
        assert sender.send(0.5 * np.sin(2 * np.pi * 440 * time).astype(np.float32), rate=48_000) >= 7
        sender.flush()
        heard = np.concatenate([np.frombuffer(await frames.get(), "<i2") for _ in range(8)])
    assert len(heard) == 8 * 960
    spectrum = np.abs(np.fft.rfft(heard[1000:6000].astype(float)))
    assert abs(np.argmax(spectrum) * 16_000 / 5000 - 440) < 4
    assert 0.47 < np.abs(heard).max() / 32767 < 0.53


async def test_sound_that_is_no_number_is_silence_and_without_a_rate_it_is_refused(host: Host) -> None:
    async with posewire.connect(host.url) as connection, posewire.connect(host.url) as other:
        sender = (await connection.join("studio", publish=["audio"])).audio_sender()
        heard: list[bytes] = []
        (await other.join("studio", subscribe=["audio"])).on("audio", lambda frame: heard.append(frame.payload))
        for rate in (0, -16000):
            with pytest.raises(ConfigError, match="rate"):
                sender.send(np.zeros(160), rate=rate)
        assert sender.send(np.full(960, np.nan)) == 1
        await eventually(lambda: len(heard) == 1)
        assert not any(heard[0])


async def test_what_was_lost_with_the_connection_is_tried_again(host: Host, link: Link) -> None:
    quick = ReconnectPolicy(FixedDelay(0.02))
    async with (
        posewire.connect(link.url, device="publisher", reconnect=quick) as sending,
        posewire.connect(host.url) as watching,
    ):
        watched = await watching.join("studio")
        seen: list[float] = []
        watched.on("pose", lambda pose: seen.append(round(float(pose.values["body33"][0, 0]), 3)))
        room = await sending.join("studio", publish=["pose"], subscribe=NONE)
        patient, hasty = room.sender(fps=500, retries=20, qos="ordered"), room.sender(fps=500, qos="ordered")
        patient.send(body=body(0))
        session = sending._exchange.session
        assert session is not None
        await eventually(lambda: bool(seen) and not session.congestion._probing)
        sending.queue.hold_poses(True)  # what is given now does not leave before the connection is lost
        patient.send(body=body(100))
        hasty.send(body=body(200))
        await eventually(lambda: sending.queue.waiting()["pose"] == 2)
        await link.cut()
        await eventually(lambda: not sending.connected)
        await link.mend()
        await eventually(lambda: 0.1 in seen)
        assert patient.statistics()["retried"] == 1
        assert patient.statistics()["success_rate"] == 1.0
        assert hasty.dropped["lost"] == 1
        assert 0.2 not in seen


async def test_nothing_is_tried_again_after_its_deadline(host: Host, link: Link) -> None:
    async with posewire.connect(link.url, reconnect=ReconnectPolicy(FixedDelay(0.02))) as sending:
        room = await sending.join("studio", publish=["pose"], subscribe=NONE)
        sender = room.sender(fps=500, retries=20, deadline_ms=60)
        sending.queue.hold_poses(True)
        sender.send(body=body(0))
        await eventually(lambda: sending.queue.waiting()["pose"] == 1)
        await link.cut()
        await eventually(lambda: sender.dropped["deadline"] == 1)
        assert sender.statistics()["sent"] == 0


async def test_the_jitter_of_departures_is_measured(host: Host) -> None:
    connection, sender = await publisher(host, qos="ordered", fps=100)
    for step in range(20):
        sender.send(body=body(step))
    await sent_all(sender, 20)
    jitter = sender.statistics()["jitter_ms"]
    assert 0 <= jitter["p50"] <= jitter["p95"]
    await connection.close()
