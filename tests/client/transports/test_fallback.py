"""The fallback: when it is taken, what is said again, and that a pose is never wrong, whatever the two ways do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewire.client.transports.base import Delivery, Transport
from posewire.client.transports.fallback import FallbackTransport
from posewire.client.transports.memory import MemoryTransport, memory_pair
from posewire.client.transports.replay_buffer import ReplayBuffer
from posewire.client.transports.switches import FailureShare, FallbackPolicy, Switch, SwitchLog
from posewire.errors import ConfigError, HostUnreachableError, PoseError
from posewire.rooms.pose_stream import PoseStream
from posewire.wire.frames import FrameType, build_frame, parse_frame
from posewire.wire.pose import Control, PoseDecoder, PoseEncoder, control, parse_header
from support.waiting import eventually

QUICK = FallbackPolicy(interval_s=0.01, patience_s=0.05, probe_s=0.01)


def frame(packet: bytes) -> bytes:
    return build_frame(FrameType.POSE, packet, 3)


def sequences(frames: list[bytes]) -> list[int]:
    headers = [parse_header(parse_frame(each, 3).payload) for each in frames]
    return [header.sequence for header in headers if header is not None]


class TwoWays:
    """A fallback over two ways in memory, and what arrives at their far ends."""

    def __init__(self, policy: FallbackPolicy = QUICK, held: bool = False) -> None:
        self.switches: list[Switch] = []
        self.near, self.far = memory_pair()
        self.opened: list[tuple[MemoryTransport, MemoryTransport]] = []
        self.refuses = False
        self.log = SwitchLog()
        self.transport = FallbackTransport(self.near, policy, self.log, self.switches.append, held)

    async def open_first(self) -> Transport:
        if self.refuses:
            raise HostUnreachableError("no packet comes through")
        self.opened.append(memory_pair(lossy=True))
        return self.opened[-1][0]

    async def begin(self) -> None:
        self.transport.begin(self.open_first)
        await eventually(lambda: self.transport.lossy)

    async def arrived(self, far: MemoryTransport) -> list[bytes]:
        """What waits at a far end."""
        found: list[bytes] = []
        while far._waiting:
            message = far._waiting.popleft()
            assert isinstance(message, bytes)
            found.append(message)
        return found

    async def close(self) -> None:
        await self.transport.close()


async def test_poses_go_by_the_first_and_all_else_by_the_second() -> None:
    ways = TwoWays()
    encoder = PoseEncoder("coco17", acknowledged=True)
    packets = [encoder.encode(np.full((17, 3), step / 8), step) for step in range(4)]
    await ways.transport.send(frame(packets[0]), Delivery.LOSSY)
    assert sequences(await ways.arrived(ways.far)) == [0]  # there is no first yet
    await ways.begin()
    await ways.transport.send(frame(packets[1]), Delivery.RELIABLE)
    await ways.transport.send(frame(packets[2]), Delivery.LOSSY)
    assert sequences(await ways.arrived(ways.far)) == [1]
    assert sequences(await ways.arrived(ways.opened[0][1])) == [2]
    arriving = ways.transport.messages()
    await ways.far.send("text")
    await ways.opened[0][1].send(b"pose")
    assert {await anext(arriving), await anext(arriving)} == {"text", b"pose"}
    await ways.close()
    assert [message async for message in arriving] == []
    statistics = ways.transport.statistics()
    assert statistics["counts"] == {"memory": 1}


async def test_what_the_first_lost_is_said_again_by_the_second_from_the_last_key_on() -> None:
    ways = TwoWays(FallbackPolicy(interval_s=0.01, probe_s=3600))
    await ways.begin()
    encoder = PoseEncoder("coco17", acknowledged=True)
    for step in range(8):
        if step == 4:
            encoder.request_key()
        packet = encoder.encode(np.full((17, 3), step / 8), step)
        header = parse_header(packet)
        assert header is not None
        reliable = header.kind.name == "KEY"
        await ways.transport.send(frame(packet), Delivery.RELIABLE if reliable else Delivery.LOSSY)
    assert sequences(await ways.arrived(ways.far)) == [0, 4]
    ways.opened[0][0].abort()
    await eventually(lambda: not ways.transport.lossy)
    await eventually(lambda: len(ways.switches) == 2)
    assert sequences(await ways.arrived(ways.far)) == [4, 5, 6, 7]
    assert (ways.switches[1].replayed, ways.switches[1].cause) == (4, "it was lost")
    await ways.transport.send(frame(packet), Delivery.LOSSY)
    assert len(await ways.arrived(ways.far)) == 1
    await ways.close()


async def test_a_first_that_cannot_be_opened_is_tried_again_and_again() -> None:
    ways = TwoWays()
    ways.refuses = True
    ways.transport.begin(ways.open_first)
    await eventually(lambda: ways.log.probes["failed"] >= 3)
    assert ways.transport.name == "memory"
    ways.refuses = False
    await eventually(lambda: ways.transport.lossy)
    await ways.close()


async def test_probes_that_are_not_answered_end_the_first() -> None:
    ways = TwoWays(FallbackPolicy(interval_s=0.01, patience_s=0.05, probe_s=3600))
    await ways.begin()
    # A probe in memory waits until the other end has taken everything: here nobody takes it.
    await ways.opened[0][0].send(b"nobody takes this")
    await eventually(lambda: not ways.transport.lossy)
    await eventually(lambda: ways.switches[-1].cause == "80% of its probes were not answered")
    await ways.close()


async def test_rollback_undoes_the_last_switch_and_holds() -> None:
    ways = TwoWays()
    await ways.begin()
    ways.transport.rollback()
    await eventually(lambda: not ways.transport.lossy)
    await asyncio.sleep(0.05)
    assert not ways.transport.lossy
    ways.transport.rollback()
    await eventually(lambda: ways.transport.lossy)
    await eventually(lambda: [switch.cause for switch in ways.switches] == ["opened", "rolled back", "works again"])
    await ways.close()


async def test_a_rollback_holds_in_the_next_session() -> None:
    ways = TwoWays(held=True)
    ways.transport.begin(ways.open_first)
    await asyncio.sleep(0.05)
    assert not ways.opened
    ways.transport.rollback()
    await eventually(lambda: ways.transport.lossy)
    ways.transport.rollback()
    assert ways.transport.held
    await ways.close()


async def test_the_second_ends_the_whole() -> None:
    ways = TwoWays()
    await ways.begin()
    arriving = ways.transport.messages()
    waiting = asyncio.ensure_future(anext(arriving, None))
    await asyncio.sleep(0)
    ways.far.abort()
    assert await waiting is None
    with pytest.raises(ConnectionError):
        await ways.transport.send("text")
    await ways.close()


def test_the_failure_share() -> None:
    share = FailureShare(FallbackPolicy(window=5, share=0.8))
    assert not any(share.note(failed) for failed in (True, True, True, True))
    assert share.note(False)  # four of five
    assert not share.note(False)
    for wrong in ({"share": 0}, {"share": 1.1}, {"window": 0}, {"probe_s": 0}, {"replay": -1}):
        with pytest.raises(ConfigError):
            FallbackPolicy(**wrong)  # type: ignore[arg-type]


def test_only_what_follows_a_key_is_kept() -> None:
    kept = ReplayBuffer(4)
    encoders = {stream: PoseEncoder("coco17", stream=stream) for stream in (0, 1)}

    def add(stream: int) -> bytes:
        made = frame(encoders[stream].encode(np.full((17, 3), 0.5), 0))
        kept.add(made)
        return made

    other = [add(1), add(1)]
    own = [add(0), add(0)]
    assert kept.take() == other + own
    assert kept.take() == []
    add(0)  # a delta whose key is not among them
    kept.add(frame(control(Control.KEY_REQUEST, 0, 1)))
    kept.add(b"no frame")
    assert kept.take() == []
    encoders[0].request_key()
    first = add(0)
    for _ in range(3):
        add(0)
    assert kept.take()[0] == first
    encoders[0].request_key()
    for _ in range(5):
        add(0)
    assert kept.take() == []  # the key is no longer among the last four


STEPS = st.lists(
    st.sampled_from(["pose", "pose", "pose", "pose", "lose", "reorder", "double", "switch", "back", "key"]),
    min_size=5, max_size=60,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 2**32))
def test_no_pose_is_wrong_whatever_is_lost_reordered_doubled_and_switched(steps: list[str], seed: int) -> None:
    asyncio.run(_through(steps, random.Random(seed)))


async def _through(steps: list[str], chance: random.Random) -> None:
    """A publisher by way of a fallback, the host's stream, and a receiver that decodes what the host lets through."""
    ways = TwoWays(FallbackPolicy(interval_s=3600, probe_s=3600))
    encoder, decoder = PoseEncoder("coco17", acknowledged=True), PoseDecoder(stream=0)
    stream, poses, seen = PoseStream(0), {}, []

    async def deliver(far: MemoryTransport, lossy: bool, order: Callable[[list[bytes]], list[bytes]]) -> None:
        for each in order(await ways.arrived(far)):
            packet = parse_frame(each, 3).payload
            header = parse_header(packet)
            assert header is not None
            stream.acknowledged = lossy or (stream.acknowledged and header.kind.name == "KEY")
            if not stream.append(header, packet):
                continue
            if lossy and header.layer == 0:
                encoder.control(control(Control.ACK, 0, header.sequence))
            try:
                pose = decoder.decode(packet)
            except PoseError:
                encoder.request_key()
                continue
            assert pose is not None
            np.testing.assert_allclose(pose.values["coco17"], poses[pose.sequence], atol=0.01)
            seen.append(pose.sequence)

    await ways.begin()
    for step in steps:
        first = ways.opened[-1][1]
        if step == "key":
            encoder.request_key()
        elif step == "switch" and ways.transport.lossy:
            ways.transport.rollback()
            await eventually(lambda: not ways.transport.lossy)
        elif step == "back" and not ways.transport.lossy:
            ways.transport.rollback()
            await eventually(lambda: ways.transport.lossy)
        poses[encoder.sequence] = np.full((17, 3), chance.random())
        packet = encoder.encode(poses[encoder.sequence], 33 * len(poses))
        header = parse_header(packet)
        assert header is not None
        delivery = Delivery.RELIABLE if header.kind.name == "KEY" else Delivery.LOSSY
        await ways.transport.send(frame(packet), delivery)
        if step == "lose":
            await ways.arrived(first)
        if step == "double":
            await deliver(first, True, lambda frames: frames + frames)
        elif step == "reorder" and chance.random() < 0.5:
            continue  # more comes before it is delivered
        else:
            await deliver(first, True, lambda frames: chance.sample(frames, len(frames)))
        if chance.random() < 0.7:
            await deliver(ways.far, False, lambda frames: frames)
    assert seen == sorted(seen)
    await ways.close()
