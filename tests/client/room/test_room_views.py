"""The host's and the members' views of a room are equal at every quiet moment, whatever members, links and host do."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import posewire
from posewire.client.connection import HostConnection
from posewire.client.reconnect import FixedDelay, ReconnectPolicy
from posewire.client.room.room import Room
from posewire.errors import PosewireError
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from posewire.store import StoreSettings

DEVICES = st.sampled_from(["a", "b", "c", "d"])
_T = TypeVar("_T")


async def answered(connection: HostConnection) -> None:
    """Wait until the host has handled what was sent, over a connection that may be lost meanwhile."""
    while True:
        await connection.wait_connected(10)
        with suppress(ConnectionError):
            await connection.heartbeat.barrier(10)
            return


class RoomOfMany(RuleBasedStateMachine):
    """Four programs that come, go, lose their links, and lose messages; a host that is restarted."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.port = 0
        self.host: Host | None = None
        self.open: dict[str, HostConnection] = {}
        self.rooms: dict[str, Room] = {}
        self.whole: dict[Room, Any] = {}
        self.doing: list[asyncio.Task[Any]] = []

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    async def start(self) -> None:
        server = ServerSettings(port=self.port, resume_window=5.0)
        store = StoreSettings(str(Path(self.folder.name) / "store.db"))
        self.host = Host(Settings(server=server, voice=None, store=store))
        await self.host.start()
        self.port = int(self.host.url.split(":")[2].split("/")[0])

    @initialize()
    def begin(self) -> None:
        self.run(self.start())

    @rule(device=DEVICES)
    def join(self, device: str) -> None:
        async def joining() -> None:
            assert self.host is not None
            if device not in self.open:
                policy = ReconnectPolicy(FixedDelay(0.005))
                connection = posewire.connect(self.host.url, device=device, reconnect=policy, heartbeat_s=30)
                await connection.open()
                self.open[device] = connection
            with suppress(PosewireError):  # kicked before, or locked
                self.rooms[device] = await self.open[device].join("studio", publish=["pose"], subscribe=[])

        self.run(joining())

    @rule(device=DEVICES)
    def leave(self, device: str) -> None:
        self._act(device, "leave")

    @rule(device=DEVICES, other=DEVICES)
    def kick(self, device: str, other: str) -> None:
        self._act(device, "kick", other)

    @rule(device=DEVICES, other=DEVICES)
    def pass_on(self, device: str, other: str) -> None:
        self._act(device, "pass_on", other)

    @rule(device=DEVICES, locked=st.booleans())
    def lock(self, device: str, locked: bool) -> None:
        self._act(device, "lock", locked)

    @rule(device=DEVICES)
    def drop(self, device: str) -> None:
        session = self.open[device]._exchange.session if device in self.open else None
        if session is not None:
            session.transport.abort()

    @rule(device=DEVICES)
    def lose_an_event(self, device: str) -> None:
        room = self.rooms.get(device)
        if room is None:
            return
        receive = self.whole.setdefault(room, room.receive)

        def lose(event: dict[str, Any]) -> None:
            if event.get("event") in ("joined", "left", "away", "back", "role", "locked"):
                room.receive = receive  # type: ignore[method-assign]
            else:
                receive(event)

        room.receive = lose  # type: ignore[method-assign]

    @rule()
    def restart(self) -> None:
        async def restarting() -> None:
            assert self.host is not None
            await self.host.stop()
            await self.start()

        self.run(restarting())

    @rule()
    def a_moment(self) -> None:
        self.run(asyncio.sleep(0.01))

    @precondition(lambda self: self.rooms)
    @rule()
    def quiet(self) -> None:
        self.run(self.compare())

    def _act(self, device: str, action: str, *arguments: Any) -> None:
        async def acting() -> None:
            with suppress(PosewireError):  # not the owner, nobody there, no longer in the room, the link was lost
                await getattr(self.rooms[device], action)(*arguments)

        if device in self.rooms:
            self.doing.append(self.loop.create_task(acting()))

    async def compare(self) -> None:
        await asyncio.gather(*self.doing)
        self.doing.clear()
        for room, receive in self.whole.items():
            room.receive = receive  # type: ignore[method-assign]
        for _ in range(3):  # back; told of the others' return; repaired
            for connection in self.open.values():
                await answered(connection)
        assert self.host is not None
        there = self.host.services.rooms.rooms.get("studio")
        expected = {} if there is None else {
            member.member_id: (member.device, member.role, member.link is None, member.joined)
            for member in there.members.values()
        }  # fmt: skip
        inside = {device for device, *_ in expected.values()}
        for device, connection in self.open.items():
            room = connection.room
            if room is None or room.closed is not None:
                assert device not in inside
                continue
            assert device in inside
            assert there is not None
            seen = {
                member.member_id: (member.device, member.role, member.away, member.joined_ms)
                for member in room.members.values()
            }
            assert seen == expected
            assert (room.locked, room.mirror.version) == (there.locked, there.version)
            assert room.role == next(role for found, role, *_ in expected.values() if found == device)

    def teardown(self) -> None:
        async def ending() -> None:
            if self.rooms:
                await self.compare()
            for connection in self.open.values():
                await connection.close()
            if self.host is not None:
                await self.host.stop()

        try:
            self.run(ending())
        finally:
            self.loop.close()
            self.folder.cleanup()


@pytest.mark.timeout(600)
def test_the_views_of_a_room_are_equal_at_every_quiet_moment() -> None:
    run_state_machine_as_test(
        RoomOfMany,
        settings=settings(
            max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
