"""Poses by a data channel of WebRTC: two programs, a host, real UDP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

import posewire
from client.conftest import Link
from posewire.client.connection import HostConnection
from posewire.client.reconnect import FixedDelay, ReconnectPolicy
from posewire.client.transports.switches import FallbackPolicy
from posewire.client.transports.webrtc import WebRtc
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.server.webrtc.settings import WebRtcSettings
from posewire.sim.network.link_conditions import LinkConditions
from posewire.sim.network.link_proxy import LinkProxy
from support.data_channels import needs_an_address
from support.hosts import running, settings
from support.waiting import eventually

pytestmark = needs_an_address

CHANNELS = Settings(
    server=ServerSettings(port=0, resume_window=5.0), webrtc=WebRtcSettings(enabled=True, max_channels=2), voice=None
)


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    async with running(CHANNELS) as started:
        yield started


def by_channel(host: Host, device: str, **policy: Any) -> HostConnection:
    options = WebRtc(FallbackPolicy(**policy)) if policy else True
    return posewire.connect(host.url, device=device, webrtc=options)


def body(number: float) -> np.ndarray[Any, Any]:
    return np.full((33, 4), number / 64, np.float32)


async def test_poses_go_by_a_data_channel_both_ways(host: Host) -> None:
    async with by_channel(host, "camera") as camera, by_channel(host, "screen") as screen:
        sender = (await camera.join("studio", publish=["pose"])).sender(fps=500)
        room = await screen.join("studio")
        await eventually(lambda: camera.lossy and screen.lossy)
        poses, number = room.poses(), 0
        while screen.status()["transport"]["first"]["messages_in"] < 20:
            sender.send(body=body(number % 64))
            pose = await anext(poses)
            assert pose.values["body33"][0, 0] * 64 == pytest.approx(round(pose.values["body33"][0, 0] * 64))
            number += 1
        assert camera.status()["transport"]["name"] == "webrtc"
        assert camera.status()["transport"]["first"]["messages_out"] >= 20
        assert host.services.counters["datagrams_in"] >= 20
        assert host.services.counters["datagrams_out"] >= 20
        assert host.services.counters["refused_bad_pose"] == 0
    await eventually(lambda: host.services.webrtc.open == 0)


async def test_a_channel_that_is_cut_is_left_and_comes_back(host: Host) -> None:
    async with (
        LinkProxy(host.url) as network,
        posewire.connect(network.url, device="camera", webrtc=WebRtc(FallbackPolicy(probe_s=0.3))) as camera,
        posewire.connect(host.url, device="screen") as screen,
    ):
        switches: list[str] = []
        camera.on("transport", lambda name, why: switches.append(name))
        sender = (await camera.join("studio", publish=["pose"])).sender(fps=200)
        room = await screen.join("studio")
        values: set[float] = set()
        room.on("pose", lambda pose: values.add(round(float(pose.values["body33"][0, 0]) * 64, 3)))
        sent = iter(range(10**6))

        async def send_until(condition: Callable[[], bool]) -> None:
            async with asyncio.timeout(30):
                while not condition():
                    sender.send(body=body(next(sent) % 64))
                    await asyncio.sleep(0.005)

        await send_until(lambda: camera.lossy and len(values) > 5)
        session = camera.session_id
        await network.datagrams.change(stall=True)
        await send_until(lambda: not camera.lossy)
        values.clear()
        await send_until(lambda: len(values) > 5)
        await network.datagrams.change(stall=False)
        await send_until(lambda: camera.lossy)
        values.clear()
        await send_until(lambda: len(values) > 5)
        assert all(value == int(value) for value in values)
        assert switches[:3] == ["webrtc", "websocket", "webrtc"]
        assert camera.session_id == session
        transport = camera.status()["transport"]
        left = transport["switches"][1]
        assert (left["before"], left["now"], left["cause"]) == (
            "webrtc",
            "websocket",
            "80% of its probes were not answered",
        )
        assert transport["seconds"]["webrtc"] > 0
        assert transport["probes"]["opened"] == 2
        assert "switch_transport" in {entry["remedy"] for entry in camera.status()["recoveries"]}


async def test_what_the_network_loses_and_reorders_is_a_gap_and_never_a_wrong_pose(host: Host) -> None:
    async with (
        LinkProxy(host.url, LinkConditions(latency_ms=5, jitter_ms=5), seed=3) as network,
        posewire.connect(network.url, device="camera", webrtc=True) as camera,
        posewire.connect(network.url, device="screen", webrtc=True) as screen,
    ):
        sender = (await camera.join("studio", publish=["pose"])).sender(fps=60)
        room = await screen.join("studio")
        await eventually(lambda: camera.lossy and screen.lossy)
        await network.change(loss=0.1, reorder=0.05)
        values: list[float] = []
        room.on("pose", lambda pose: values.append(float(pose.values["body33"][0, 0]) * 64))
        number = 0
        async with asyncio.timeout(60):
            while len(values) < 100:
                sender.send(body=body(number % 64))
                number += 1
                await asyncio.sleep(1 / 60)
        assert all(value == pytest.approx(round(value), abs=0.02) for value in values)
        assert network.datagrams.lost > 10
        assert host.services.counters["refused_bad_pose"] == 0


async def test_rollback_is_by_hand(host: Host) -> None:
    async with by_channel(host, "camera", probe_s=0.05) as camera:
        await eventually(lambda: camera.lossy)
        camera.rollback()
        await eventually(lambda: not camera.lossy)
        await asyncio.sleep(0.2)  # four times the time after which it would be tried again
        assert not camera.lossy
        assert camera.status()["transport"]["switches"][-1]["cause"] == "rolled back"
        await eventually(lambda: host.services.webrtc.open == 0)
        camera.rollback()
        await eventually(lambda: camera.lossy)


async def test_a_host_without_channels_is_used_by_its_websocket() -> None:
    async with running(settings()) as host, posewire.connect(host.url, webrtc=True) as connection:
        await connection.join("studio")
        assert connection.status()["transport"]["name"] == "websocket"
        assert not connection.lossy


async def test_a_host_with_as_many_channels_as_it_may_have_refuses(host: Host) -> None:
    async with by_channel(host, "one") as one, by_channel(host, "two") as two:
        await eventually(lambda: one.lossy and two.lossy)
        async with by_channel(host, "three") as three:
            await eventually(lambda: three.status()["transport"]["probes"].get("failed") == 1)
            assert three.connected
            assert not three.lossy


async def test_a_lost_connection_takes_its_channel_along_and_opens_another(host: Host, link: Link) -> None:
    async with posewire.connect(link.url, webrtc=True, reconnect=ReconnectPolicy(FixedDelay(0.02))) as connection:
        room = await connection.join("studio", publish=["pose"])
        await eventually(lambda: connection.lossy)
        await link.cut()
        await eventually(lambda: not connection.connected)
        assert not connection.lossy
        await link.mend()
        await connection.wait_connected(10)
        await eventually(lambda: connection.lossy)
        assert room.closed is None
        await eventually(lambda: host.services.webrtc.open == 1)
