"""On a slow way poses become few and small rather than old."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import numpy as np
import pytest

import posewire
from client.conftest import Link
from posewire.client.link import congestion as module
from posewire.client.link.congestion import Congestion
from posewire.server.host import Host
from support.waiting import eventually


class Way:
    """Answers probes when the test says so, on the test's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module, "monotonic", lambda: self.now)
        self.probes: list[asyncio.Future[None]] = []
        self.held = False
        self.congestion = Congestion(self.probe, self.hold)

    async def probe(self) -> None:
        self.probes.append(asyncio.get_running_loop().create_future())
        await self.probes[-1]

    def hold(self, held: bool) -> None:
        self.held = held

    async def answer(self, size: int, seconds: float, alone: float = 0.02) -> None:
        """Send a pose; its probe comes back after ``seconds``, those with nothing before them after ``alone``."""
        self.congestion.sent(size)
        await asyncio.sleep(0)
        self.now += seconds
        while self.probes:
            self.probes.pop().set_result(None)
            await asyncio.sleep(0.001)
            self.now += alone if self.probes else 0.0
        self.now += 0.2


async def begun(monkeypatch: pytest.MonkeyPatch) -> Way:
    way = Way(monkeypatch)
    for _ in range(3):
        await way.answer(500, 0.02)
    assert not way.congestion.congested
    return way


async def test_a_way_with_a_queue_is_congested_and_poses_go_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    way = await begun(monkeypatch)
    for _ in range(4):
        await way.answer(494, 0.12)
    assert way.congestion.congested
    assert way.congestion.bytes_s == pytest.approx(5000)
    way.congestion.sent(500)
    assert way.held
    await asyncio.sleep(0)
    way.probes.pop().set_result(None)
    await asyncio.sleep(0.001)
    assert not way.held
    await way.congestion.close()


async def test_a_way_that_has_become_longer_has_no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    way = await begun(monkeypatch)
    for _ in range(6):
        await way.answer(500, 0.15, alone=0.15)
        assert not way.congestion.congested
    assert way.congestion.bytes_s is None
    await way.congestion.close()


async def test_jitter_is_no_queue_and_a_very_late_answer_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    way = await begun(monkeypatch)
    for seconds in (0.02, 0.1, 0.1, 0.02, 0.15, 0.03, 0.12):
        await way.answer(500, seconds)
        assert not way.congestion.congested
    await way.answer(500, 0.5)
    assert way.congestion.congested
    await way.congestion.close()


async def test_what_the_way_carries_is_known_without_congestion(monkeypatch: pytest.MonkeyPatch) -> None:
    way = await begun(monkeypatch)
    for _ in range(5):
        await way.answer(94, 0.07)
    assert not way.congestion.congested
    assert way.congestion.carries == pytest.approx(2000)
    await way.congestion.close()


async def test_a_way_that_is_free_again_carries_more_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    way = await begun(monkeypatch)
    await way.answer(494, 0.52)
    await way.answer(494, 0.52)
    found: list[float | None] = [way.congestion.bytes_s]
    while found[-1] is not None:
        await way.answer(500, 0.02)
        found.append(way.congestion.bytes_s)
        assert len(found) < 40
    grown = [value for value in found if value is not None]
    assert grown[0] == pytest.approx(1000)
    assert all(after <= 1.3 * before * 1.001 for before, after in itertools.pairwise(grown))
    await way.congestion.close()


async def test_a_narrow_link_makes_poses_coarse_and_breaks_nothing(host: Host, link: Link) -> None:
    async with posewire.connect(link.url) as publishing, posewire.connect(host.url) as watching:
        sender = (await publishing.join("studio", publish=["pose"], subscribe=[])).sender(fps=60)
        poses = (await watching.join("studio")).poses()
        chance = np.random.default_rng(1)

        async def send() -> None:
            while True:
                sender.send(body=chance.normal(0, 0.3, (33, 4)))
                await asyncio.sleep(0.01)

        async def until(coarse: Any) -> None:
            while not coarse((await anext(poses)).coarse):
                pass

        sending = asyncio.create_task(send())
        await until(lambda coarse: coarse == 0)
        await link.change(kbit_s=24)
        await until(lambda coarse: coarse >= 3)
        await eventually(lambda: publishing.status()["congested"])  # now and again it is not
        await link.change(kbit_s=0)
        await until(lambda coarse: coarse == 0)
        sending.cancel()
        assert publishing.statistics()["reconnects"] == 0
