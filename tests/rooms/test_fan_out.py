"""The fan-out drops for a slow member what nobody needs before what others refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from posewire.rooms.fan_out import LAYER_1_BYTES
from posewire.rooms.frame import RoomFrame
from posewire.rooms.room import Room
from posewire.rooms.settings import RoomSettings
from posewire.wire.messages import Subscription
from posewire.wire.pose import PoseDecoder, PoseEncoder, parse_header

POSE = Subscription(frozenset({"pose"}))


class Line:
    """A member's connection with a send buffer that the test fills."""

    congested = False

    def __init__(self) -> None:
        self.queued_bytes = 0
        self.frames: list[bytes] = []
        self.controls: list[bytes] = []

    def send_room_event(self, event: Mapping[str, Any]) -> None:
        pass

    def send_room_frame(self, frame: RoomFrame, always: bool = False) -> bool:
        if self.congested and not always:
            return False
        self.frames.append(frame.payload)
        return True

    def send_pose_control(self, packet: bytes) -> None:
        self.controls.append(packet)

    def removed(self) -> None:
        pass


def layers(packets: list[bytes]) -> list[int]:
    return [header.layer for header in map(parse_header, packets) if header is not None]


def test_layer_1_is_left_out_before_a_member_is_congested() -> None:
    room = Room("studio", RoomSettings())
    publisher_line, fast, slow = Line(), Line(), Line()
    publisher = room.join("publisher", frozenset({"pose"}), Subscription(), publisher_line)
    room.join("fast", frozenset(), POSE, fast)
    slow_member = room.join("slow", frozenset(), POSE, slow)
    encoder, walk = PoseEncoder("coco17", layers=2), np.random.default_rng(1)
    values = walk.normal(0, 0.3, (17, 3))
    for time_ms in range(0, 600, 33):
        slow.queued_bytes = LAYER_1_BYTES + 1 if time_ms >= 200 else LAYER_1_BYTES
        values = values + walk.normal(0, 0.01, values.shape)
        room.fan_out.publish_pose(publisher, encoder.encode(values, time_ms))
    assert layers(fast.frames) == [0, 1] * 9 + [0]
    assert layers(slow.frames) == [0, 1] * 3 + [0] + [0] * 6
    assert slow_member.dropped["pose"] == 6
    decoder = PoseDecoder()
    for packet in slow.frames:
        decoder.decode(packet)
    assert decoder.last is not None
    assert decoder.last.sequence == 18  # it follows to the end, with nothing asked of the publisher
    assert publisher_line.controls == []
