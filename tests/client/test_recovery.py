"""The recovery from errors, and the record of it."""

from __future__ import annotations

import asyncio

import numpy as np

import posewire
from client.conftest import Link
from posewire.client.reconnect import FixedDelay, ReconnectPolicy
from posewire.client.recovery import RecoveryLog, Rejoin
from posewire.client.room.key_requests import KeyRequest, KeyRequests
from posewire.server.host import Host
from posewire.wire.pose import PoseEncoder
from support.waiting import eventually

QUICK = ReconnectPolicy(FixedDelay(0.02))


async def test_a_room_that_the_host_closes_is_asked_for_again_where_the_program_wants_that(host: Host) -> None:
    recovery = {"room_closed": Rejoin(20, 0.05)}
    async with posewire.connect(host.url, recovery=recovery) as patient, posewire.connect(host.url) as other:
        room = await patient.join("studio", publish=["pose"], subscribe=[])
        left = await other.join("studio")
        reasons: list[object] = []
        left.on("closed", reasons.append)
        sender = room.sender()
        host.services.rooms.rooms["studio"].close("for the night")
        host.services.rooms.rooms.pop("studio", None)
        await eventually(lambda: left.closed == "closed: for the night")
        assert reasons == ["closed: for the night"]
        await eventually(lambda: patient.in_room)
        assert room.closed is None
        assert sender.send(body=np.full((33, 4), 0.5))
        await eventually(lambda: len(patient.status()["recoveries"]) == 2)
        told = [(entry["cause"], entry["remedy"], entry["outcome"]) for entry in patient.status()["recoveries"]]
        assert told == [("room_closed", "rejoin", "trying"), ("room_closed", "rejoin", "recovered")]
        assert other.statistics()["recoveries"] == {"give_up:given_up": 1}


async def test_a_locked_room_is_waited_for_as_long_as_was_said(host: Host, link: Link) -> None:
    recovery = {"room_locked": Rejoin(200, 0.05)}
    async with (
        posewire.connect(host.url, device="owner") as owning,
        posewire.connect(link.url, device="guest", recovery=recovery, reconnect=QUICK) as visiting,
        posewire.connect(link.url, device="hasty", recovery={}, reconnect=QUICK) as hasty,
    ):
        owned = await owning.join("studio")
        guest = await visiting.join("studio", publish=["pose"], subscribe=[])
        other = await hasty.join("studio")
        sender = guest.sender()
        await link.cut()
        visiting.forget_session()
        hasty.forget_session()
        await eventually(lambda: not visiting.connected and not hasty.connected)
        there = host.services.rooms.rooms["studio"]
        for member in list(there.members.values()):
            if member.device != "owner":
                there.leave(member)
        await owned.lock()
        await link.mend()
        await visiting.wait_connected(10)
        await eventually(lambda: other.closed is not None)
        assert not visiting.in_room
        assert not sender.send(body=np.full((33, 4), 0.5))
        assert sender.dropped["away"] == 1
        await owned.lock(False)
        await eventually(lambda: visiting.in_room)
        assert guest.closed is None
        await eventually(lambda: visiting.statistics()["recoveries"].get("rejoin:recovered") == 1)


async def test_a_lost_connection_and_its_return_are_on_record(link: Link) -> None:
    async with posewire.connect(link.url, reconnect=QUICK) as connection:
        await link.cut()
        await eventually(lambda: not connection.connected)
        await asyncio.sleep(0.1)
        await link.mend()
        await connection.wait_connected(10)
        (entry,) = connection.status()["recoveries"]
        assert (entry["cause"], entry["remedy"], entry["outcome"]) == ("connection_lost", "reconnect", "recovered")
        assert entry["attempts"] >= 1
        assert entry["seconds"] >= 0.1


def test_the_record_is_bounded() -> None:
    log = RecoveryLog()
    for number in range(120):
        log.note("age", "lower_quality", "trying", attempts=number)
    assert log.counts == {"lower_quality:trying": 120}
    assert [entry["attempts"] for entry in log.last(3)] == [117, 118, 119]
    assert len(log.last()) == 50


async def test_a_request_for_a_key_is_on_record(host: Host) -> None:
    async with posewire.connect(host.url, device="arm") as sending, posewire.connect(host.url) as watching:
        publishing = await sending.join("studio", publish=["pose"], subscribe=[])
        watched = await watching.join("studio")
        encoder = PoseEncoder("coco17")
        publishing.add_publisher(0, encoder.control)
        requests: list[KeyRequest] = []
        watched.on("key_request", requests.append)
        poses = watched.poses()
        await publishing.publish(encoder.encode(np.full((17, 3), 0.5), 0))
        await anext(poses)
        encoder.encode(np.full((17, 3), 0.6), 33)  # lost
        await publishing.publish(encoder.encode(np.full((17, 3), 0.7), 66))
        await eventually(lambda: bool(requests))
        await eventually(lambda: encoder._key_wanted)
        await publishing.publish(encoder.encode(np.full((17, 3), 0.8), 99))
        await anext(poses)
        assert [request.outcome for request in requests] == ["trying", "recovered"]
        told = watching.status()["recoveries"]
        assert [(entry["cause"], entry["remedy"], entry["outcome"]) for entry in told] == [
            ("undecodable", "ask_for_key", "trying"), ("undecodable", "ask_for_key", "recovered"),
        ]  # fmt: skip
        assert told[-1]["detail"] == "stream 0 of arm"


def test_keys_are_asked_for_ever_more_rarely_and_a_lost_cause_is_told_once() -> None:
    told: list[tuple[str, int]] = []
    keys = KeyRequests(lambda outcome, attempts, seconds: told.append((outcome, attempts)))
    asked = [second for second in range(300) if keys.is_due(second)]
    assert asked[:6] == [0, 1, 3, 7, 15, 31]
    assert max(asked[-1] - asked[-2], asked[-2] - asked[-3]) <= 31
    assert told == [("trying", 1), ("given_up", 6)]
    keys.decoded(300)
    assert told[-1] == ("recovered", len(asked))


async def test_a_program_may_wait_for_its_host(host: Host) -> None:
    async with Link(host.url) as link:
        await link.cut()
        waiting = posewire.connect(link.url, wait=True, reconnect=QUICK)
        opening = asyncio.create_task(waiting.open())
        await eventually(lambda: waiting.statistics()["attempts"] >= 3)
        assert not opening.done()
        await link.mend()
        await opening
        assert waiting.connected
        await waiting.close()
