"""The shared state of a room as a mapping that follows it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

import posewire
from client.conftest import Link
from posewire.client.reconnect import FixedDelay, ReconnectPolicy
from posewire.errors import WireError
from posewire.server.host import Host

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


async def test_changes_at_the_same_moment_all_count(host: Host) -> None:
    async with posewire.connect(host.url) as first, posewire.connect(host.url) as second:
        states = [await (await c.join("studio")).shared_state() for c in (first, second)]
        for number in range(10):
            await asyncio.gather(*(s.update({f"{name}{number}": number}) for name, s in zip("ab", states, strict=True)))
        expected = {f"{name}{number}": number for name in "ab" for number in range(10)}
        for state in states:
            await until(state, expected)


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
