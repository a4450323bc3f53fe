"""The shared state of a room as a mapping that follows it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

import posewire
from client.conftest import Link
from posewire.client.reconnect import FixedDelay, ReconnectPolicy
from posewire.client.room.shared_state import LiveState
from posewire.errors import WireError
from posewire.server.host import Host
from support.waiting import eventually

QUICK = ReconnectPolicy(FixedDelay(0.02))


async def until(state: Mapping[str, Any], expected: dict[str, Any]) -> None:
    while dict(state) != expected:
        await asyncio.sleep(0.002)


async def test_all_members_see_a_change(host: Host) -> None:
    async with posewire.connect(host.url) as first, posewire.connect(host.url) as second:
        one = await (await first.join("studio")).shared_state()
        changes: list[Mapping[str, Any]] = []
        one.on_change = changes.append
        await one.update({"scene": 4, "light": {"hue": 20, "on": True}})
        assert dict(one) == {"scene": 4, "light": {"hue": 20, "on": True}}
        two = await (await second.join("studio")).shared_state()
        assert dict(two) == dict(one)
        await two.update({"light": {"on": None}, "scene": 5})
        await until(one, {"scene": 5, "light": {"hue": 20}})
        assert changes[-1] == {"light": {"on": None}, "scene": 5}
        assert ("scene" in one, len(one), one.version) == (True, 2, two.version)
        with pytest.raises(WireError) as refused:
            await one.update({"large": "x" * 50_000})
        assert refused.value.code == "too_many"


async def test_it_follows_over_a_lost_connection(host: Host, link: Link) -> None:
    async with (
        posewire.connect(link.url, device="away", reconnect=QUICK) as going,
        posewire.connect(host.url) as staying,
    ):
        mine = await (await going.join("studio")).shared_state()
        other = await (await staying.join("studio")).shared_state()
        await other.update({"a": 1})
        await until(mine, {"a": 1})
        await link.cut()
        while going.connected:
            await asyncio.sleep(0.002)
        await other.update({"a": 2, "b": 3})
        changing = asyncio.ensure_future(mine.update({"c": 4}))
        await asyncio.sleep(0.05)
        await link.mend()
        await changing
        for state in (mine, other):
            await until(state, {"a": 2, "b": 3, "c": 4})


async def test_a_state_that_the_host_refuses_is_not_asked_for_again(host: Host, link: Link) -> None:
    async with posewire.connect(link.url, device="away", reconnect=QUICK) as going:
        with pytest.raises(WireError):
            await LiveState(going, "nowhere").follow()
        back, errors = asyncio.Queue[bool](), []
        going.on("connected", back.put_nowait)
        going.on("error", errors.append)
        link.reset()
        await back.get()
        await going.list_rooms()
        assert not errors


async def test_many_who_change_it_at_once_all_come_through_and_see_the_same(host: Host) -> None:
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(posewire.connect(host.url)) for _ in range(6)]
        states = [await (await connection.join("studio")).shared_state() for connection in connections]

        async def change(number: int) -> None:
            for step in range(15):
                await states[number].update({f"own-{number}": step, "common": {str(number): step}})
                assert states[number][f"own-{number}"] == step

        await asyncio.gather(*map(change, range(6)))
        wanted = {f"own-{number}": 14 for number in range(6)} | {"common": {str(number): 14 for number in range(6)}}
        await eventually(lambda: all(dict(state) == wanted for state in states))


async def test_a_change_is_made_once_whenever_the_connection_is_cut(host: Host, link: Link) -> None:
    chance = random.Random(7)
    async with posewire.connect(link.url) as cut, posewire.connect(host.url) as other:
        state = await (await cut.join("studio")).shared_state()
        seen = await (await other.join("studio")).shared_state()
        changes: list[object] = []
        seen.on_change = lambda change: changes.append(change.get("step"))
        for step in range(12):
            updating = asyncio.create_task(state.update({"step": step}))
            await asyncio.sleep(chance.random() / 100)
            link.reset()
            await updating
        await eventually(lambda: seen.get("step") == 11)
        assert changes == list(range(12))
