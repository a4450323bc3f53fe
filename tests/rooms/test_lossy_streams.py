"""Streams whose packets are lost, late or doubled on their way to the host, and on their way to members."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewire.errors import PoseError
from posewire.rooms.member import Member
from posewire.rooms.pose_stream import MAX_CHAIN, PoseStream
from posewire.rooms.room import Room
from posewire.rooms.settings import RoomSettings
from posewire.rooms.snapshots import SnapshotMaker
from posewire.wire.pose import Control, Kind, PoseDecoder, PoseEncoder, control, parse_control, parse_header
from posewire.wire.pose.packet import Header
from posewire.wire.room_actions import Subscription
from support.room_link import NotingLink

WATCH = Subscription(frozenset({"pose"}))


def delta(sequence: int, distance: int, layer: int = 0) -> Header:
    return Header(Kind.DELTA, layer, 0, sequence & 0xFFFF, 0, distance)


def test_what_is_late_or_comes_twice_is_nobodys() -> None:
    stream = PoseStream(0)
    assert stream.append(Header(Kind.KEY, 0, 0, 65535), b"key")
    assert stream.append(delta(0, 1), b"one")
    for late in (65535, 0, 65500):
        assert not stream.append(delta(late, 1), b"late")
    assert list(stream.chain() or ()) == [b"key", b"one"]
    assert stream.append(Header(Kind.KEY, 0, 0, 30000), b"begun again")


def test_an_acknowledged_stream_goes_on_over_gaps_and_refers_to_nothing_unknown() -> None:
    stream = PoseStream(0)
    stream.append(Header(Kind.KEY, 0, 0, 10), b"key")
    stream.acknowledged = True
    assert stream.append(delta(12, 2), b"two")
    assert stream.append(delta(15, 5, layer=1), b"expendable")
    assert not stream.append(delta(16, 3), b"of one that did not come")
    assert not stream.append(delta(17, 2), b"of one that is nobody's reference")
    assert stream.append(delta(18, 6), b"of two")
    assert list(stream.chain() or ()) == [b"key", b"two", b"of two"]
    for sequence in range(19, 19 + 2 * MAX_CHAIN):
        assert stream.append(delta(sequence, 1), b"")  # it goes on when the chain has become too long
    assert stream.chain() is None


def test_acknowledgements_of_all_are_waited_for() -> None:
    stream = PoseStream(0)
    assert stream.await_acknowledgements(1, ())
    assert not stream.await_acknowledgements(2, (5, 6))
    assert not stream.acknowledge(2, 5)
    assert not stream.acknowledge(2, 5)
    assert stream.acknowledge(2, 6)
    assert not stream.acknowledge(2, 6)
    assert not stream.await_acknowledgements(3, (5, 6))
    stream.forget(6)
    assert stream.acknowledge(3, 5)
    for sequence in range(4, 20):
        stream.await_acknowledgements(sequence, (5,))
    assert not stream.acknowledge(4, 5)  # it is too old to be of use


class Lossy(NotingLink):
    """A member's link on which expendable frames are lost, and all others arrive."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.lossy = True
        self._chance = chance

    def send_room_frame(self, frame: Any, always: bool = False) -> bool:
        if not frame.expendable or self._chance.random() < 0.7:
            self.frames.append(frame)
        return True


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3))
def test_members_see_right_poses_whatever_is_lost(seed: int, lossy_members: int) -> None:
    chance = random.Random(seed)
    counters: Counter[str] = Counter()
    room = Room("studio", RoomSettings(), counters, SnapshotMaker())
    source = NotingLink()
    publisher = room.join("camera", frozenset({"pose"}), Subscription(), source)
    watchers: list[tuple[Member, NotingLink, PoseDecoder]] = []
    for number in range(lossy_members + 1):
        link = Lossy(chance) if number else NotingLink()
        watchers.append((room.join(f"screen-{number}", frozenset(), WATCH, link), link, PoseDecoder()))
    encoder = PoseEncoder("coco17", acknowledged=True)
    truth: dict[int, float] = {}
    shown = [0] * len(watchers)
    for step in range(40):
        value = chance.random()
        truth[encoder.sequence] = value
        packet = encoder.encode(np.full((17, 3), value), 33 * step)
        header = parse_header(packet)
        assert header is not None
        alone = header.kind is Kind.KEY
        if alone or chance.random() < 0.7:
            room.fan_out.publish_pose(publisher, packet, lossy=not alone)
        for number, (member, link, decoder) in enumerate(watchers):
            for frame in link.frames:
                arrived = parse_header(frame.payload)
                assert arrived is not None
                try:
                    pose = decoder.decode(frame.payload)
                except PoseError:
                    if decoder.needs_key:
                        room.fan_out.control_pose(member, publisher.member_id, decoder.key_request())
                    continue
                assert pose is not None
                assert pose.values["coco17"][0, 0] == pytest.approx(truth[pose.sequence], abs=0.01)
                shown[number] += 1
                ack = decoder.ack() if link.lossy and arrived.layer == 0 else None
                if ack is not None:
                    room.fan_out.control_pose(member, publisher.member_id, ack)
            link.frames.clear()
        for packet in source.controls:
            encoder.control(packet)
        source.controls.clear()
    assert shown[0] > 12
    assert all(count > 2 for count in shown)


def test_only_the_last_acknowledgement_reaches_the_publisher() -> None:
    room = Room("studio", RoomSettings(), Counter(), SnapshotMaker())
    source, links = NotingLink(), [NotingLink(), NotingLink(), NotingLink()]
    publisher = room.join("camera", frozenset({"pose"}), Subscription(), source)
    members = [room.join(f"screen-{number}", frozenset(), WATCH, link) for number, link in enumerate(links)]
    links[1].lossy = links[2].lossy = True
    encoder = PoseEncoder("coco17", acknowledged=True)
    key, first = (encoder.encode(np.full((17, 3), step / 8), step) for step in range(2))
    room.fan_out.publish_pose(publisher, key)
    source.controls.clear()
    room.fan_out.publish_pose(publisher, first, lossy=True)
    assert [link.frames[-1].expendable for link in links] == [True, True, True]
    for number, expected in ((1, 0), (1, 0), (2, 1)):
        room.fan_out.control_pose(members[number], publisher.member_id, control(Control.ACK, 0, 1))
        assert len(source.controls) == expected
    message = parse_control(source.controls[0])
    assert message is not None
    assert (message.control, message.sequence) == (Control.ACK, 1)
