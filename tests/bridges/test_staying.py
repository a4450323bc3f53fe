"""A bridge that runs for months: rooms end and begin, and it is there; who is removed goes."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from bridges.conftest import OscProgram, bridging, member, send_until
from posewire.bridges.bridge import join_and_run
from posewire.bridges.osc import OscBridge
from posewire.errors import WireError
from posewire.server.host import Host
from support.hosts import running, settings
from support.waiting import eventually


async def test_a_room_that_ended_overnight_is_joined_again(
    host: Host, program: OscProgram, capsys: pytest.CaptureFixture[str]
) -> None:
    async with bridging(OscBridge(program.address, None), host):
        rooms, warned = host.services.rooms, ""
        rooms.close_idle(0.0)
        assert rooms.close_idle(10_000.0) == ["studio"]  # a night later

        def rejoined() -> bool:
            nonlocal warned
            warned += capsys.readouterr().err
            return 'in the room "studio" again' in warned

        await eventually(rejoined)
        assert "joining again" in warned
        async with member(host, "arm") as room:
            sender = room.sender(fps=100)
            hand = np.full((21, 3), 0.5)
            await send_until(lambda: sender.send(left_hand=hand), lambda: program.last("/posewire/pose/arm/hand21"))


async def test_who_is_removed_stays_away(host: Host, program: OscProgram) -> None:
    async with member(host, "owner") as room:
        work = asyncio.create_task(join_and_run(OscBridge(program.address, None), host.url, "studio", name="bridge"))
        await eventually(lambda: room.member_id_of("bridge") is not None)
        bridge = room.member_id_of("bridge")
        assert bridge is not None
        await room.kick(bridge, "no OSC here")
        with pytest.raises(WireError, match=r"was removed from the room \"studio\" \(kicked: no OSC here\)"):
            await asyncio.wait_for(work, 10)


async def test_a_host_that_restarts_finds_the_bridge_again(program: OscProgram) -> None:
    first = settings()
    async with running(first) as host:
        work = asyncio.create_task(join_and_run(OscBridge(program.address, None), host.url, "studio", name="bridge"))
        await eventually(lambda: "studio" in host.services.rooms.rooms)
        port = int(host.url.split(":")[2].split("/")[0])
    async with running(replace(first, server=replace(first.server, port=port))) as host, member(host, "arm") as room:
        sender = room.sender(fps=100)
        hand = np.full((21, 3), 0.5)
        await send_until(lambda: sender.send(left_hand=hand), lambda: program.last("/posewire/pose/arm/hand21"))
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
