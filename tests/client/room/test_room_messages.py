"""Messages between members arrive once, whatever happens to the connections."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from typing import Any

import pytest

import posewire
from client.conftest import Link
from posewire.client.reconnect import FixedDelay, ReconnectPolicy
from posewire.errors import ConfigError, NotDeliveredError, QueueFullError, WireError
from posewire.server.host import Host
from posewire.wire.deflated import deflate
from posewire.wire.frames import FrameType, build_frame
from support.peers import Peers

QUICK = ReconnectPolicy(FixedDelay(0.02))


async def test_long_messages_are_compressed_where_both_sides_take_it(host: Host) -> None:
    peers = Peers(host.url)
    async with posewire.connect(host.url, device="a") as first, posewire.connect(host.url, device="b") as second:
        speaker, ear = await first.join("studio"), await second.join("studio")
        plain = await peers.connect("aa:00:00:00:00:09")
        await plain.hello()
        await plain.join(messages=True)
        sent, came = first.statistics()["bytes_out"], second.statistics()["bytes_in"]
        long = ["the same again"] * 800
        assert await speaker.send(long) == 2
        assert (await anext(ear.messages())).data == long
        assert (await plain.receive("room", event="message"))["data"] == long
        assert first.statistics()["bytes_out"] - sent < 2000
        assert second.statistics()["bytes_in"] - came < 2000
    await peers.close()


async def test_a_compressed_bomb_is_refused_and_nothing_else_is_lost(host: Host) -> None:
    peers = Peers(host.url)
    peer = await peers.connect("aa:00:00:00:00:09")
    assert (await peer.hello(features={"pose": True, "deflate": True}))["features"]["deflate"] is True
    bomb = deflate(json.dumps({"type": "ping", "id": "x", "more": "x" * 5_000_000}))
    assert bomb is not None
    for payload in (bomb, b"no deflate"):
        await peer.socket.send(build_frame(FrameType.DEFLATED, payload, 3))
        assert (await peer.receive("error"))["code"] == "bad_message"
    packed = deflate(json.dumps({"type": "ping", "id": "y", "more": "x" * 5_000}))
    assert packed is not None
    await peer.socket.send(build_frame(FrameType.DEFLATED, packed, 3))
    assert (await peer.receive("pong"))["id"] == "y"
    await peers.close()


async def test_json_and_bytes_go_to_all_or_to_one(host: Host) -> None:
    async with (
        posewire.connect(host.url, device="a") as first,
        posewire.connect(host.url, device="b") as second,
        posewire.connect(host.url, device="c") as third,
    ):
        speaker = await first.join("studio")
        ears = [await second.join("studio"), await third.join("studio")]
        inboxes = [ear.messages() for ear in ears]
        assert await speaker.send({"scene": 4, "names": ["é", None]}) == 2
        for inbox in inboxes:
            message = await anext(inbox)
            assert (message.device, message.member_id, message.to) == ("a", speaker.member_id, None)
            assert message.data == {"scene": 4, "names": ["é", None]}
        assert await speaker.send(bytes(range(256)), to="c") == 1
        assert await speaker.send("for all") == 2
        received = await anext(inboxes[1])
        assert (received.data, received.to) == (bytes(range(256)), ears[1].member_id)
        assert (await anext(inboxes[0])).data == (await anext(inboxes[1])).data == "for all"


async def test_what_cannot_be_sent_is_refused(host: Host, link: Link) -> None:
    async with posewire.connect(host.url, device="a") as connection, posewire.connect(host.url) as other:
        room = await connection.join("studio")
        await other.join("studio")
        assert await room.send("x" * (16 * 1024 - 2)) == 1
        assert await room.send(bytes(16 * 1024)) == 1
        with pytest.raises(WireError, match="at most 16384 bytes"):
            await room.send("x" * (16 * 1024 - 1))
        deep: Any = 0
        for _ in range(100):
            deep = [deep]
        for wrong in (object(), {1, 2}, float("nan"), [float("inf")], "half a character: \ud800", deep):
            with pytest.raises(WireError, match="JSON or bytes"):
                await room.send(wrong)
            with pytest.raises(WireError, match="must be JSON"):
                connection.send({"type": "room", "action": "send", "data": wrong})
        state = await room.shared_state()
        with pytest.raises(WireError, match="must be JSON"):
            await state.update({"hue": float("nan")})
        with pytest.raises(WireError, match="more than 65536 bytes"):
            await state.update({"picture": "x" * 70_000})
        assert dict(state) == {}
        # Longer than the host takes, also compressed: it closes, and the reason is told.
        with pytest.raises(WireError, match="longer than the host takes") as closed:
            await state.update({"noise": secrets.token_urlsafe(75_000)})
        assert closed.value.code == "too_many"
        await connection.wait_connected(10)
        await state.update({"hue": 20})
        assert dict(state) == {"hue": 20}
        with pytest.raises(WireError, match="has no member 9") as refused:
            await room.send("hello", to=9)
        assert refused.value.code == "not_in_room"
        with pytest.raises(ConfigError, match='device id "nobody"'):
            await room.send("hello", to="nobody")
        await room.leave()
        with pytest.raises(NotDeliveredError):
            await room.send("after leaving")
    with pytest.raises(NotDeliveredError):
        room.post("after closing")


async def test_who_takes_no_messages_gets_none(host: Host) -> None:
    peers = Peers(host.url)
    board = await peers.connect("board")
    await board.hello()
    await board.join(publish=["pose"])
    async with posewire.connect(host.url) as connection:
        room = await connection.join("studio")
        assert await room.send("for programs") == 0
        with pytest.raises(WireError, match="takes no messages"):
            await room.send("for you", to="board")
        await board.send(type="ping", id=1)
        assert [await board.receive(), await board.receive()][-1]["type"] == "pong"  # after "joined", nothing else
    await peers.close()


async def test_what_others_say_meanwhile_is_brought_up_to_date(host: Host, link: Link) -> None:
    async with (
        posewire.connect(host.url) as staying,
        posewire.connect(link.url, device="away", reconnect=QUICK) as going,
    ):
        speaker = await staying.join("studio")
        room = await going.join("studio")
        inbox = room.messages()
        assert await speaker.send(0) == 1
        await link.cut()
        while not any(member.away for member in speaker.members.values()):
            await asyncio.sleep(0.002)
        assert await speaker.send(1) == 0
        assert await speaker.send(2, to=room.member_id) == 0
        await link.mend()
        await going.wait_connected(5)
        assert await speaker.send(3) == 1
        assert [(await anext(inbox)).data for _ in range(4)] == [0, 1, 2, 3]


async def test_what_is_said_while_away_is_sent_once_on_return(host: Host, link: Link) -> None:
    async with (
        posewire.connect(host.url) as staying,
        posewire.connect(link.url, device="away", reconnect=QUICK) as going,
    ):
        inbox = (await staying.join("studio")).messages()
        room = await going.join("studio")
        await link.cut()
        while going.connected:
            await asyncio.sleep(0.002)
        confirmed = asyncio.ensure_future(room.send("kept and confirmed"))
        await asyncio.sleep(0)
        room.post("kept")
        for _ in range(98):
            room.post("fill")
        with pytest.raises(QueueFullError) as full:
            room.post("one too many")
        assert full.value.capacity == 100
        await link.mend()
        assert await confirmed == 1
        seen = [(await anext(inbox)).data for _ in range(100)]
        assert seen == ["kept and confirmed", "kept", *["fill"] * 98]
        assert going.statistics()["resent"] == 100


@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_or_doubled_while_both_links_break(host: Host, seed: int) -> None:
    chance = random.Random(seed)
    links = [Link(host.url), Link(host.url)]
    for between in links:
        await between.start()
    options: dict[str, Any] = {"reconnect": QUICK, "heartbeat_s": 0.1, "silence_s": 0.4}
    async with (
        posewire.connect(links[0].url, device="says", **options) as saying,
        posewire.connect(links[1].url, device="hears", **options) as hearing,
    ):
        room, ear = await saying.join("studio"), await hearing.join("studio")
        heard: list[Any] = []
        ear.on("message", lambda message: heard.append(message.data))
        sent = []

        async def break_links() -> None:
            while True:
                between = chance.choice(links)
                await asyncio.sleep(chance.uniform(0.01, 0.1))
                if chance.random() < 0.6:
                    await between.cut()
                    await asyncio.sleep(chance.uniform(0, 0.1))
                    await between.mend()
                else:
                    await between.change(stall=True)
                    await asyncio.sleep(chance.uniform(0, 0.6))
                    await between.change(stall=False)

        breaking = asyncio.create_task(break_links())
        for number in range(60):
            sent.append(asyncio.ensure_future(room.send(number)))
            await asyncio.sleep(chance.uniform(0, 0.02))
        await asyncio.gather(*sent)
        breaking.cancel()
        await asyncio.gather(breaking, return_exceptions=True)
        for between in links:
            await between.mend()
        async with asyncio.timeout(20):
            while len(heard) < 60:
                await asyncio.sleep(0.01)
        assert heard == list(range(60))
    for between in links:
        await between.close()
