"""A sender's quality follows the network: its own way to the host, and what receivers report."""

from __future__ import annotations

import asyncio

import numpy as np

import posewire
from client.conftest import Link
from posewire.client.connection import HostConnection
from posewire.client.room.room import Room
from posewire.client.sending.adaptive import Adaptation, Quality
from posewire.client.sending.pose_sender import PoseSender
from posewire.client.sending.uplink import Uplink
from posewire.server.host import Host


def moving(step: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(step)
    return {
        name: chance.normal(0, 0.3, (count, channels)).astype(np.float32)
        for name, count, channels in (("body", 33, 4), ("hands", 42, 3), ("face", 468, 3))
    }


async def camera(url: str, **options: object) -> tuple[HostConnection, Room, PoseSender]:
    connection = posewire.connect(url, device="camera")
    await connection.open()
    room = await connection.join("studio", publish=["pose"], subscribe=[])
    return connection, room, room.sender(fps=30, **options)


async def stream(sender: PoseSender, until: asyncio.Event) -> None:
    step = 0
    while not until.is_set():
        sender.send(**moving(step % 16))
        step += 1
        await asyncio.sleep(1 / 30)


async def test_a_narrow_way_to_the_host_lowers_the_quality_and_a_wide_one_restores_it(host: Host, link: Link) -> None:
    connection, room, sender = await camera(link.url)
    changes: list[Quality] = []
    lowest, done = asyncio.Event(), asyncio.Event()

    def changed(quality: Quality) -> None:
        changes.append(quality)
        (lowest if quality.level >= 3 else asyncio.Event()).set()

    room.on("quality", changed)
    async with posewire.connect(host.url) as watching:
        watched = await watching.join("studio")
        streaming = asyncio.create_task(stream(sender, done))
        await anext(watched.poses())
        await asyncio.sleep(1)
        await link.change(kbit_s=40)
        async with asyncio.timeout(60):
            await lowest.wait()
            while "face468" in (pose := watched.latest("camera")).values:  # type: ignore[union-attr]
                await asyncio.sleep(0.02)
        assert pose is not None
        assert "body33" in pose.values
        status = connection.status()["quality"]
        assert status["cause"] in ("uplink", "age")
        assert status["advice"]
        await link.change(kbit_s=0)
        async with asyncio.timeout(100):
            while "face468" not in watched.latest("camera").values:  # type: ignore[union-attr]
                await asyncio.sleep(0.05)
        done.set()
        await streaming
        assert changes[0].level >= 1
        assert changes[-1].level < max(change.level for change in changes)
    await connection.close()


async def test_what_receivers_report_lowers_the_quality(host: Host, link: Link) -> None:
    connection, _, sender = await camera(host.url)
    done = asyncio.Event()
    async with posewire.connect(link.url) as watching:
        watched = await watching.join("studio")
        streaming = asyncio.create_task(stream(sender, done))
        await anext(watched.poses())
        await link.change(kbit_s=60)
        async with asyncio.timeout(60):
            while sender.quality.level < 2:
                await asyncio.sleep(0.02)
        lowest = sender.quality
        assert lowest.cause in ("age", "loss")
        await link.change(kbit_s=0)
        # How far it rises, and how soon, depends on how busy this machine is: tests/rooms/test_quality.py says that.
        async with asyncio.timeout(100):
            while sender.quality.level >= lowest.level:
                lowest = max(lowest, sender.quality, key=lambda quality: quality.level)
                await asyncio.sleep(0.05)
        done.set()
        await streaming
    await connection.close()


def test_the_way_to_the_host_sets_the_level_at_once_and_raises_it_step_by_step() -> None:
    adaptation = Adaptation()
    for _ in range(200):
        adaptation.sent(500)
    adaptation.on_uplink(510 * 30 * 0.25, None, 30, 0)
    assert adaptation.quality == Quality(3, "low", "uplink")
    assert adaptation.budget == 175
    adaptation.on_reports({"loss": 0.9, "age_ms": 900, "buffer": 0}, 0.1)  # nothing new
    assert adaptation.quality.level == 3
    levels = []
    for tenth in range(1, 60):
        adaptation.on_uplink(None, 510 * 30 * 3.0, 30, tenth / 10)
        levels.append(adaptation.quality.level)
    assert sorted(levels, reverse=True) == levels
    assert levels[-1] == 0
    assert levels.index(0) >= 25


def test_a_way_that_does_not_seem_to_carry_more_is_tried_rarely() -> None:
    uplink = Uplink()
    uplink.update(500, 30, 5000, 5000, 0)
    level = uplink.level
    tried = []
    for second in range(1, 300):
        before = uplink.level
        uplink.update(500, 30, None if uplink.level == level else 5000, 5000, second)
        if uplink.level < before:
            tried.append(second)
    assert 29 <= tried[0] <= 31
    assert len(tried) <= 4


def test_the_face_goes_first_then_the_hands_and_something_stays() -> None:
    adaptation = Adaptation()
    for _ in range(200):
        adaptation.sent(500)
    pose = {"body33": 1, "hands42": 2, "face468": 3}
    assert set(adaptation.keep(pose)) == {"body33", "hands42", "face468"}
    adaptation.on_uplink(510 * 30 * 0.5, None, 30, 0)
    assert set(adaptation.keep(pose)) == {"body33", "hands42"}
    adaptation.on_uplink(10, None, 30, 1)
    assert set(adaptation.keep(pose)) == {"body33"}
    assert set(adaptation.keep({"face468": 3})) == {"face468"}


def test_losses_on_a_lossy_way_cost_one_step_unless_they_are_grave() -> None:
    found = {}
    for lossy, loss in ((True, 0.1), (True, 0.3), (True, 0.5), (False, 0.1)):
        adaptation = Adaptation()
        for step in range(40):
            adaptation.on_reports({"loss": loss, "age_ms": 20, "buffer": 0}, step / 2, lossy)
        found[lossy, loss] = adaptation.quality.level
        if lossy and loss == 0.1:
            assert adaptation.quality.cause == "loss"
            for step in range(40, 52):
                adaptation.on_reports({"loss": 0, "age_ms": 20, "buffer": 0}, step / 2, lossy)
            assert adaptation.quality == Quality()
    assert found == {(True, 0.1): 1, (True, 0.3): 1, (True, 0.5): 4, (False, 0.1): 4}
