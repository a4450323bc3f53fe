"""Messages between members as they are on the wire: who may, what is refused, and that a number is heard once."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from posewire.identity.settings import AuthSettings
from posewire.server.host import Host
from posewire.server.settings import ServerSettings, Settings
from support.peers import Peer, Peers

TALKS = {"messages": True}


async def member(peers: Peers, device: str, **fields: Any) -> Peer:
    peer = await peers.connect(device)
    await peer.hello()
    await peer.join(**fields)
    return peer


async def say(peer: Peer, number: int, **fields: Any) -> dict[str, Any]:
    await peer.send(type="room", action="send", number=number, **fields)
    while True:
        answer = await peer.receive("room")
        if answer["event"] in ("sent", "refused"):
            return answer


async def test_a_number_is_passed_on_once_and_confirmed_each_time(peers: Peers) -> None:
    first = await member(peers, "a", **TALKS)
    second = await member(peers, "b", **TALKS)
    for _ in range(2):
        answer = await say(first, 5, data=["x", 1])
        assert (answer["event"], answer["number"], answer["delivered"]) == ("sent", 5, 1)
    assert (await say(first, 4, data="older"))["delivered"] == 0
    await say(first, 6, data="newer")
    heard = [await second.receive("room", event="message") for _ in range(2)]
    assert [(message["number"], message["data"]) for message in heard] == [(1, ["x", 1]), (2, "newer")]
    assert (heard[0]["member_id"], heard[0]["device"]) == (1, "a")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"data": "x", "to": 9}, "not_in_room"),
        ({"data": "x", "room": "elsewhere"}, "not_in_room"),
    ],
)
async def test_a_refusal_names_the_message(peers: Peers, fields: dict[str, Any], code: str) -> None:
    peer = await member(peers, "a", **TALKS)
    answer = await say(peer, 7, **fields)
    assert (answer["event"], answer["number"], answer["code"]) == ("refused", 7, code)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"data": 1, "bytes": ""},
        {"bytes": "not base64"},
        {"bytes": 7},
        {"data": "x", "to": 0},
        {"data": "x", "number": -1},
        {"data": "x", "number": True},
        {"data": "x" * 16_383},
        {"bytes": base64.b64encode(bytes(16_385)).decode()},
    ],
)
async def test_what_makes_no_sense_is_an_error(peers: Peers, fields: dict[str, Any]) -> None:
    peer = await member(peers, "a", **TALKS)
    await peer.send(**{"type": "room", "action": "send", "number": 1, **fields})
    assert (await peer.receive("error"))["code"] in ("bad_message", "too_many")


async def test_what_was_said_before_is_not_for_a_newcomer(peers: Peers) -> None:
    first = await member(peers, "a", **TALKS)
    await say(first, 1, data="before")
    late = await peers.connect("b")
    await late.hello()
    assert (await late.join(**TALKS))["last_message"] == 1
    await say(first, 2, data="after")
    await late.send(type="room", action="catch_up", after=0)
    events = []
    while not events or events[-1]["event"] != "caught_up":
        events.append(await late.receive("room"))
    assert [event.get("data") for event in events] == ["after", "after", None]
    assert events[-1]["missed"] == 1


async def test_boards_see_nothing_of_it(peers: Peers) -> None:
    board = await peers.connect("board")
    await board.hello()
    assert "last_message" not in await board.join()
    talker = await member(peers, "a", **TALKS)
    await board.receive("room", event="joined")
    assert (await say(talker, 1, data="x"))["delivered"] == 0
    await board.send(type="ping", id=1)
    assert (await board.receive())["type"] == "pong"


async def test_who_may_only_look_may_not_speak() -> None:
    auth = AuthSettings(token="a-shared-token-of-16", token_scopes=frozenset({"room.join:*"}))
    host = Host(Settings(server=ServerSettings(port=0), auth=auth, voice=None))
    await host.start()
    peers = Peers(host.url)
    try:
        peer = await peers.connect("a", Authorization="Bearer a-shared-token-of-16")
        await peer.hello()
        await peer.join(**TALKS)
        assert (await say(peer, 1, data="x"))["code"] == "forbidden"
    finally:
        await peers.close()
        await host.stop()


async def test_a_pong_has_milliseconds(peers: Peers) -> None:
    peer = await peers.connect("a")
    await peer.hello()
    before = time.time() * 1000
    await peer.send(type="ping", id="x")
    pong = await peer.receive("pong", id="x")
    assert before - 1 <= pong["host_ms"] <= time.time() * 1000
