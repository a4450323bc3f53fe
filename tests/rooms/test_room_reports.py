"""Receivers' reports: added up, told to programs, turned into byte budgets for boards."""

import numpy as np
import pytest

from posewire.rooms import reports as module
from posewire.rooms.member import Member
from posewire.rooms.quality import ReceiverReport
from posewire.rooms.room import Room
from posewire.rooms.settings import RoomSettings
from posewire.wire.pose import PoseEncoder, parse_control
from posewire.wire.room_actions import Subscription
from support.room_link import NotingLink

BAD = ReceiverReport(0.3, 700, 0)
POSE = frozenset({"pose"})


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "monotonic", made)
    return made


def enter(room: Room, device: str, reports: bool) -> tuple[Member, NotingLink]:
    link = NotingLink()
    return room.join(device, POSE, Subscription(POSE), link, reports=reports), link


def publish(room: Room, member: Member, count: int = 12) -> None:
    encoder = PoseEncoder("body33")
    for step in range(count):
        body = np.random.default_rng(step).normal(0, 0.3, (33, 4)).astype(np.float32)
        room.fan_out.publish_pose(member, encoder.encode(body, 33 * step))


def budgets(link: NotingLink) -> list[int]:
    found = [parse_control(packet) for packet in link.controls]
    link.controls.clear()
    return [message.argument for message in found if message is not None]


async def test_a_program_is_told_what_its_receivers_say_together(clock: Clock) -> None:
    room = Room("studio", RoomSettings())
    publisher, told = enter(room, "camera", reports=True)
    publish(room, publisher)
    receivers = [enter(room, f"screen-{n}", reports=True)[0] for n in range(5)]
    told.events.clear()
    for receiver in receivers:
        room.reports.receive(receiver, {})
    assert told.events == []  # nobody is in trouble
    for receiver in receivers[:2]:
        clock.now += 1
        room.reports.receive(receiver, {(publisher.member_id, 0): BAD})
    assert [(event["event"], event["reporting"], event["loss"]) for event in told.events] == [
        ("reports", 5, 0.0),
        ("reports", 5, 0.3),
    ]
    clock.now += 0.2
    for receiver in receivers[2:]:
        room.reports.receive(receiver, {})
    clock.now += 1
    room.reports.receive(receivers[0], {})
    assert (told.events[-1]["stream"], told.events[-1]["loss"]) == (0, 0.0)


async def test_a_board_gets_a_byte_budget_and_loses_it_when_all_is_well_or_nobody_is_left(clock: Clock) -> None:
    room = Room("studio", RoomSettings())
    board, link = enter(room, "board", reports=False)
    publish(room, board)
    mean = board.streams[0].mean_bytes
    receiver, _ = enter(room, "screen", reports=True)
    link.controls.clear()
    for _ in range(4):
        clock.now += 1
        room.reports.receive(receiver, {(board.member_id, 0): BAD})
    asked = budgets(link)
    assert asked == sorted(asked, reverse=True)
    assert 0.2 * mean < asked[-1] < 0.3 * mean
    publish(room, board)  # smaller packets now would not make the full size smaller
    assert board.streams[0].mean_bytes == mean
    for _ in range(60):
        clock.now += 1
        room.reports.receive(receiver, {})
    raised = budgets(link)
    assert raised[-1] == 0
    assert raised[:-1] == sorted(raised[:-1])
    for _ in range(4):
        clock.now += 1
        room.reports.receive(receiver, {(board.member_id, 0): BAD})
    assert budgets(link)[-1] > 0
    room.leave(receiver)
    assert budgets(link) == [0]


async def test_a_budget_that_a_receiver_has_set_is_its_own(clock: Clock) -> None:
    room = Room("studio", RoomSettings())
    board, link = enter(room, "board", reports=False)
    publish(room, board)
    receiver, _ = enter(room, "screen", reports=True)
    board.streams[0].rate = (receiver.member_id, b"")
    link.controls.clear()
    clock.now += 1
    room.reports.receive(receiver, {(board.member_id, 0): BAD})
    assert budgets(link) == []


async def test_a_report_about_nobody_changes_nothing(clock: Clock) -> None:
    room = Room("studio", RoomSettings())
    receiver, link = enter(room, "screen", reports=True)
    link.events.clear()
    room.reports.receive(receiver, {(77, 3): BAD, (receiver.member_id, 0): BAD})
    assert link.events == []
