"""A receiver makes of packets a pose or a gap, never a wrong pose, and asks for a key until it comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posewire.client.room import pose_streams as module
from posewire.client.room.pose_streams import PoseStreams
from posewire.wire.pose import Control, PoseEncoder, parse_control


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


def pose(step: int) -> np.ndarray:
    return np.full((17, 3), step / 100)


def test_a_key_is_asked_for_once_and_again_after_a_second(clock: list[float]) -> None:
    asked: list[tuple[int, bytes]] = []
    streams = PoseStreams(lambda member_id, packet: asked.append((member_id, packet)))
    encoder = PoseEncoder("coco17", stream=5)
    encoder.encode(pose(0), 0)  # lost
    for step in range(1, 60):
        clock[0] += 1 / 30
        assert streams.decode(3, "arm", encoder.encode(pose(step), step * 33)) is None
    assert len(asked) == 2
    message = parse_control(asked[0][1])
    assert asked[0][0] == 3
    assert message is not None
    assert (message.control, message.stream) == (Control.KEY_REQUEST, 5)
    encoder.control(asked[1][1])
    received = streams.decode(3, "arm", encoder.encode(pose(60), 60 * 33))
    assert received is not None
    assert (received.device, received.member_id) == ("arm", 3)
    count = streams.counts()[3, 5]
    assert (count.packets, count.undecodable, count.missing, count.sets) == (60, 59, 0, ("coco17",))


def test_the_delay_is_against_the_fastest_packet(clock: list[float]) -> None:
    streams = PoseStreams(lambda member_id, packet: None)
    encoder = PoseEncoder("coco17")
    delays = []
    for step, late in enumerate((0.02, 0.0, 0.05, 0.01)):
        clock[0] = 100 + step * 0.033 + late
        received = streams.decode(1, "", encoder.encode(pose(step), 7_000_000 + step * 33))
        assert received is not None
        delays.append(received.delay_ms)
    assert delays == pytest.approx([0, 0, 50, 10], abs=0.01)
    clock[0] += 0.1
    assert received.age_ms == pytest.approx(110, abs=0.01)


def test_a_member_id_that_becomes_anothers_begins_anew(clock: list[float]) -> None:
    streams = PoseStreams(lambda member_id, packet: None)
    assert streams.decode(1, "a", PoseEncoder("coco17", sequence=90).encode(pose(0), 0)) is not None
    streams.forget(1)
    assert streams.decode(1, "b", PoseEncoder("coco17", sequence=80).encode(pose(0), 0)) is not None
    assert streams.counts()[1, 0].packets == 1


def test_reference_frames_are_acknowledged_where_that_is_wanted(clock: list[float]) -> None:
    asked: list[bytes] = []
    streams = PoseStreams(lambda member_id, packet: asked.append(packet), acknowledge=True)
    encoder = PoseEncoder("coco17", acknowledged=True)
    for step in range(4):
        streams.decode(1, "", encoder.encode(pose(step), step))
        for packet in asked[-1:]:
            encoder.control(packet)
    messages = [parse_control(packet) for packet in asked]
    assert [message.control for message in messages if message is not None] == [Control.ACK] * 4
    assert [message.sequence for message in messages if message is not None] == [0, 1, 2, 3]
