"""Streams with acknowledged references in a room of several: who comes late or lags sees right poses, and soon."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from posewire.errors import PoseError
from posewire.rooms.frame import RoomFrame
from posewire.rooms.member import Member
from posewire.rooms.room import Room
from posewire.rooms.settings import RoomSettings
from posewire.rooms.snapshots import SnapshotMaker
from posewire.wire.pose import Control, Kind, PoseDecoder, PoseEncoder, control, parse_header
from posewire.wire.room_actions import Subscription
from support.room_link import NotingLink

BODY = "body33"
WATCH = Subscription(frozenset({"pose"}))
RECOVERED = 40
"""Packets after the last trouble until everybody must have the newest pose again: requests are 8 apart at least."""


class DelayedLink(NotingLink):
    """A link with `delay` packets of the publisher on the way in each direction."""

    def __init__(self, delay: int = 0) -> None:
        super().__init__()
        self.delay = delay
        self.now = 0
        self.arriving: deque[tuple[int, bytes]] = deque()

    def send_room_frame(self, frame: RoomFrame, always: bool = False) -> bool:
        sent = super().send_room_frame(frame, always)
        if sent:
            self.arriving.append((self.now + self.delay, frame.payload))
        return sent


class Watcher:
    """A subscriber that asks for a key once for each gap, and may acknowledge."""

    def __init__(self, room: Room, device: str, line: DelayedLink, acknowledges: bool) -> None:
        self.line = line
        self.room = room
        self.decoder = PoseDecoder()
        self.acknowledges = acknowledges
        self.asked = False
        self.shown: list[int] = []
        self.snapshots = 0
        self.said: deque[tuple[int, bytes]] = deque()
        self.member: Member = room.join(device, frozenset(), WATCH, line)

    def turn(self, now: int, truth: list[Any]) -> None:
        while self.line.arriving and self.line.arriving[0][0] <= now:
            self.take(now, self.line.arriving.popleft()[1], truth)
        while self.said and self.said[0][0] <= now:
            self.room.fan_out.control_pose(self.member, 1, self.said.popleft()[1])

    def take(self, now: int, packet: bytes, truth: list[Any]) -> None:
        header = parse_header(packet)
        assert header is not None
        self.snapshots += header.kind is Kind.SNAPSHOT
        try:
            pose = self.decoder.decode(packet)
        except PoseError:
            if self.decoder.needs_key and not self.asked:
                self.asked = True
                self.said.append((now + self.line.delay, control(Control.KEY_REQUEST, 0, 0)))
            return
        assert pose is not None
        assert np.array_equal(pose.integers[BODY].reshape(-1), truth[pose.sequence]), "a wrong pose"
        self.asked = False
        self.shown.append(pose.sequence)
        ack = self.decoder.ack() if header.layer == 0 and self.acknowledges else None
        if ack is not None:
            self.said.append((now + self.line.delay, ack))


class Studio:
    """A publisher, and who watches."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.maker = SnapshotMaker()
        self.room = Room("studio", RoomSettings(), snapshots=self.maker)
        self.line = NotingLink()
        self.publisher = self.room.join("publisher", frozenset({"pose"}), Subscription(), self.line)
        self.encoder = PoseEncoder(BODY, acknowledged=True)
        self.own = PoseDecoder()
        self.truth: list[Any] = []
        self.watchers: list[Watcher] = []
        self.keys = 0

    def watch(self, device: str, delay: int = 0, acknowledges: bool = True) -> Watcher:
        line = DelayedLink(delay)
        line.now = len(self.truth)
        watcher = Watcher(self.room, device, line, acknowledges)
        self.watchers.append(watcher)
        return watcher

    async def run(self, packets: int) -> None:
        for _ in range(packets):
            for asked in self.line.controls:
                self.encoder.control(asked)
            self.line.controls.clear()
            now = len(self.truth)
            packet = self.encoder.encode(self.random.random((33, 4)).astype(np.float32), 33 * now)
            header = parse_header(packet)
            assert header is not None
            self.keys += header.kind is Kind.KEY
            # What the publisher holds to be its reference frames is what a watcher without gaps holds.
            self.truth.append(self._integers(packet))
            for watcher in self.watchers:
                watcher.line.now = now
            self.room.fan_out.publish_pose(self.publisher, packet)
            if self.random.random() < 0.5:
                await self.snapshots()
            for watcher in self.watchers:
                watcher.turn(now, self.truth)
        await self.snapshots()

    def _integers(self, packet: bytes) -> Any:
        pose = self.own.decode(packet)
        assert pose is not None
        return pose.integers[BODY].reshape(-1)

    async def snapshots(self) -> None:
        while any(stream.snapshot_pending for stream in self.publisher.streams.values()):
            await asyncio.sleep(0.001)


OpenStudio = Callable[[int], Studio]


@pytest_asyncio.fixture
async def open_studio() -> AsyncIterator[OpenStudio]:
    opened: list[Studio] = []

    def open_one(seed: int) -> Studio:
        opened.append(Studio(seed))
        return opened[-1]

    yield open_one
    for studio in opened:
        await studio.maker.close()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("delay", [0, 4])
async def test_who_joins_late_while_another_acknowledges(open_studio: OpenStudio, seed: int, delay: int) -> None:
    studio = open_studio(seed)
    first = studio.watch("first", delay)
    await studio.run(30 + 7 * seed)
    late = studio.watch("late", delay, acknowledges=seed % 2 == 0)
    await studio.run(RECOVERED + 2 * delay)
    assert late.snapshots == 1
    if not delay:
        assert studio.keys == 1, "the snapshot was of no use"
    for watcher in (first, late):
        assert watcher.shown[-1] == len(studio.truth) - 1 - delay
    assert first.shown == list(range(len(studio.truth) - delay)), "the first one misses nothing"


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("delay", [0, 3])
async def test_who_lags_while_another_acknowledges(open_studio: OpenStudio, seed: int, delay: int) -> None:
    studio = open_studio(seed)
    first = studio.watch("first", delay)
    await studio.run(20)
    second = studio.watch("second", delay)
    await studio.run(20)
    for _ in range(2):
        second.line.congested = True
        await studio.run(35)
        second.line.congested = False
        await studio.run(RECOVERED + 2 * delay)
        for watcher in (first, second):
            assert watcher.shown[-1] == len(studio.truth) - 1 - delay
    assert first.shown == list(range(len(studio.truth) - delay))


@pytest.mark.parametrize("seed", range(2))
async def test_who_stays_goes_on_acknowledging(open_studio: OpenStudio, seed: int) -> None:
    studio = open_studio(seed)
    first = studio.watch("first", 2)
    await studio.run(25)
    late = studio.watch("late", 2)
    await studio.run(RECOVERED)
    leaves, stays = (first, late) if seed % 2 else (late, first)
    studio.watchers.remove(leaves)
    studio.room.leave(leaves.member)
    await studio.run(RECOVERED)
    assert stays.shown[-1] == len(studio.truth) - 3


async def test_a_key_that_is_asked_for_right_after_a_snapshot_comes_when_it_is_due(open_studio: OpenStudio) -> None:
    studio = open_studio(0)
    studio.watch("first", acknowledges=False)
    second = studio.watch("second", acknowledges=False)
    await studio.run(30)
    second.line.congested = True
    await studio.run(6)  # among them 33, which is to be the reference
    second.line.congested = False
    await studio.run(2)
    assert second.snapshots == 1
    assert second.shown[-1] == 37
    studio.encoder.control(control(Control.ACK, 0, 33))  # on its way since before there were two
    await studio.run(1)
    assert second.shown[-1] == 37
    await studio.run(9)
    assert second.shown[-1] == 47
    assert studio.keys == 2
