"""A pool of connections: as many as are needed, none that is over, none too many."""

from __future__ import annotations

import asyncio

import pytest

from posewire.client.pool import ConnectionPool
from posewire.client.reconnect import NO_RECONNECT
from posewire.client.room.room import Room
from posewire.errors import ConfigError, HostUnreachableError, NotConnectedError, QueueFullError
from posewire.server.host import Host
from support.waiting import eventually


async def test_connections_are_used_again(host: Host) -> None:
    async with ConnectionPool(host.url, most=4) as pool:
        for number in range(5):
            async with pool.room(f"room-{number}") as room:
                assert room.name in host.services.rooms.rooms
                assert pool.statistics()["utilisation"] == 0.25
            assert room.name not in host.services.rooms.rooms
        counts = pool.statistics()
        assert (counts["opened"], counts["open"], counts["in_use"], counts["idle"]) == (1, 1, 0, 1)


async def test_many_at_once_wait_for_the_few_that_there_are(host: Host) -> None:
    async with ConnectionPool(host.url, most=3) as pool:
        inside = most = 0

        async def visit(number: int) -> None:
            nonlocal inside, most
            async with pool.room(f"room-{number}", timeout_s=30):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.01)
                inside -= 1

        await asyncio.gather(*(visit(number) for number in range(20)))
        assert most == 3
        assert pool.statistics()["opened"] == 3
        async with pool.connection(), pool.connection(), pool.connection():
            with pytest.raises(QueueFullError) as full:
                async with pool.connection(timeout_s=0.05):
                    pass
            assert (full.value.capacity, full.value.retry_after) == (3, 0.05)


async def test_the_least_are_open_and_the_idle_are_closed(host: Host) -> None:
    async with ConnectionPool(host.url, least=2, most=8, idle_s=0.1, check_s=0.05) as pool:
        assert pool.statistics()["open"] == 2
        async with pool.connection(), pool.connection(), pool.connection(), pool.connection():
            assert pool.statistics()["open"] == 4
        await eventually(lambda: pool.statistics()["open"] == 2)
        assert pool.statistics()["closed"] == 2


async def test_a_connection_that_is_over_is_replaced(host: Host) -> None:
    async with ConnectionPool(host.url, least=1, most=2, check_s=0.02, reconnect=NO_RECONNECT) as pool:
        async with pool.connection() as first:
            session = first._exchange.session
            assert session is not None
            session.transport.abort()
            await first.wait_closed()
        await eventually(lambda: pool.statistics()["idle"] == 1)
        async with pool.connection() as second:
            assert second is not first
            assert second.connected


async def test_who_is_cancelled_while_it_gives_back_leaves_no_connection_behind(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = asyncio.Event()

    async def leave(room: Room) -> None:
        leaving.set()
        await asyncio.Event().wait()

    async with ConnectionPool(host.url, most=1) as pool:

        async def use() -> None:
            async with pool.room("studio"):
                pass

        monkeypatch.setattr(Room, "leave", leave)
        using = asyncio.create_task(use())
        await leaving.wait()
        using.cancel()
        await asyncio.wait([using])
        monkeypatch.undo()
        counts = pool.statistics()
        assert (counts["open"], counts["in_use"], counts["closed"]) == (0, 0, 1)
        await eventually(lambda: len(host.services.registry) == 0)
        await use()


async def test_what_cannot_be_is_said(host: Host) -> None:
    with pytest.raises(ConfigError):
        ConnectionPool(host.url, least=5, most=4)
    with pytest.raises(HostUnreachableError):
        async with ConnectionPool("ws://127.0.0.1:9/", least=1):
            pass
    async with ConnectionPool("ws://127.0.0.1:9/") as pool:
        with pytest.raises(HostUnreachableError):
            async with pool.connection():
                pass
        counts = pool.statistics()
        assert (counts["opened"], counts["open"], counts["closed"]) == (0, 0, 0)
    async with ConnectionPool(host.url) as pool:
        pass
    with pytest.raises(NotConnectedError):
        async with pool.connection():
            pass
