"""Socket.IO clients get what any other connection gets: the same rooms, and the same refusals."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import aiohttp
import numpy as np
import pytest

import posewire
from posewire.identity.settings import AuthSettings
from posewire.server.connection.settings import FloodSettings
from posewire.server.gateway.door import Door
from posewire.server.gateway.session import GatewaySession
from posewire.server.gateway.shared_poses import EventText, SharedPoses, dump_event
from posewire.server.gateway.stand_in import SocketStandIn
from posewire.server.host import Host
from posewire.server.transport.framing import binary_frame
from posewire.server.transport.websocket import HIGH_WATER, MAX_WAITING
from posewire.wire.frames import Frame, FrameType, build_frame
from posewire.wire.pose import PoseDecoder, PoseEncoder
from server.gateway.conftest import page, socketio, with_gateway
from support.hosts import http_url, running, settings
from support.waiting import eventually

TOKEN = "a-token-of-more-than-sixteen-characters"


async def test_a_token_is_wanted_and_its_scopes_count() -> None:
    auth = AuthSettings(token=TOKEN, token_scopes=frozenset({"room.join:studio", "room.publish:studio"}))
    async with running(replace(with_gateway(), auth=auth)) as host:
        for said in ({}, {"token": "wrong"}):
            with pytest.raises(socketio.exceptions.ConnectionError):
                async with page(host, **said):
                    pass
        for options in (
            {"token": TOKEN},
            {"query": f"/?authorization={TOKEN}"},
            {"query": f"/?token={TOKEN}"},
            {"headers": {"Authorization": f"Bearer {TOKEN}"}},
        ):
            async with page(host, **options) as client:
                assert (await client.call("join", "studio"))["ok"]
                refused = await client.call("join", "office")
                assert refused["error"]["code"] == "forbidden"
        assert host.services.counters["refused_unauthorized"] == 2


async def test_the_refusal_says_why() -> None:
    auth = AuthSettings(token=TOKEN)
    async with running(replace(with_gateway(), auth=auth)) as host:
        client = socketio.AsyncClient(reconnection=False)
        refused: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        client.on("connect_error", lambda error: refused.done() or refused.set_result(error))
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(http_url(host, ""), auth={"token": "wrong"})
        assert await refused == {
            "message": "the token is not known here, or was revoked",
            "data": {"code": "unauthorized"},
        }
        await client.disconnect()


async def test_a_page_of_another_site_gets_nothing(host: Host) -> None:
    for transport in ("polling", "websocket"):
        with pytest.raises(socketio.exceptions.ConnectionError):
            async with page(host, transport, headers={"Origin": "https://evil.example"}):
                pass
    async with page(host, headers={"Origin": http_url(host, "")}) as client:
        assert (await client.call("join", "studio"))["ok"]


async def test_with_a_token_a_page_may_be_of_any_site() -> None:
    site = {"Origin": "https://studio.example"}
    async with running(replace(with_gateway(), auth=AuthSettings(token=TOKEN))) as host:
        async with aiohttp.ClientSession() as web:
            url = http_url(host, "/socket.io/?EIO=4&transport=polling")
            async with web.get(url, headers=site) as answer:
                assert answer.headers["Access-Control-Allow-Origin"] == site["Origin"]
                assert "Access-Control-Allow-Credentials" not in answer.headers  # no cookies with that
        async with page(host, "polling", headers=site, token=TOKEN) as client:
            assert (await client.call("join", "studio"))["ok"]


async def test_as_many_clients_as_are_set_and_no_more() -> None:
    async with running(with_gateway(max_clients=2)) as host, page(host), page(host):
        for transport in ("polling", "websocket"):
            with pytest.raises(socketio.exceptions.ConnectionError):
                async with page(host, transport):
                    pass


async def test_a_flood_is_dropped_and_told() -> None:
    flood = FloodSettings(text_rate=5, text_burst=5)
    async with running(replace(with_gateway(), flood=flood)) as host, page(host) as client:
        answers = [await client.call("rooms") for _ in range(12)]
        assert answers[0] == {"ok": True, "rooms": []}
        assert any(not answer["ok"] and answer["error"]["code"] in ("too_many", "flood") for answer in answers)


async def test_rooms_are_led_as_by_any_member(host: Host) -> None:
    async with page(host, device="page") as client, posewire.connect(host.url, device="arm") as connection:
        assert (await client.call("join", {"room": "studio"}))["role"] == "owner"
        room = await connection.join("studio")
        (listed,) = (await client.call("rooms"))["rooms"]
        assert (listed["room"], listed["members"], listed["locked"]) == ("studio", 2, False)
        info = await client.call("info")
        assert [member["device"] for member in info["members"]] == ["page", "arm"]
        assert (await client.call("lock"))["ok"]
        await eventually(lambda: room.locked)
        assert (await client.call("subscribe", ["pose", "audio"]))["ok"]
        assert (await client.call("role", room.member_id))["ok"]
        await eventually(lambda: room.role == "owner")
        assert (await client.call("unlock"))["error"]["code"] == "not_owner"
        assert (await client.call("leave"))["ok"]
        await eventually(lambda: len(room.members) == 1)
        assert (await client.call("message", "hello"))["ok"] is False


async def test_poses_as_packets(host: Host) -> None:
    async with page(host, device="page") as client, posewire.connect(host.url, device="arm") as connection:
        await client.call("join", "studio", {"publish": ["pose"], "decode": False, "echo": True})
        room = await connection.join("studio", publish=["pose"])
        sender = room.sender()
        await eventually(lambda: sender.send(body=np.full((33, 4), 0.5)) and client.last("packet") is not None)
        packet = next(data for event, data in client.heard if event == "packet")  # the first is a key
        assert packet["device"] == "arm"
        assert (await client.call("pose", packet["data"]))["ok"]
        await eventually(lambda: room.latest("page") is not None)


async def test_audio_and_states(host: Host) -> None:
    async with page(host) as one, page(host) as other:
        for client in (one, other):
            await client.call("join", "studio", {"publish": ["audio"], "subscribe": ["audio"]})
        frame = bytes(2 * 960)
        assert (await one.call("audio", frame))["ok"]
        await eventually(lambda: (other.last("audio") or {}).get("data") == frame)
        await other.call("state", {"action": "subscribe", "name": "room:studio"})
        await eventually(lambda: other.last("state") is not None)
        version = other.last("state")["version"]
        changed = {"action": "patch", "name": "room:studio", "base": version, "patch": "p", "changes": {"light": 1}}
        assert (await one.call("state", changed))["ok"]
        await eventually(lambda: other.last("state").get("changes") == {"light": 1})
        assert (await one.call("wire", {"type": "ping", "id": "x"}))["ok"]
        await eventually(lambda: (one.last("wire") or {}).get("type") == "pong")


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("join", (None,)),
        ("join", ({"publish": ["pose"]},)),
        ("join", ("studio", {"publish": "everything"})),
        ("pose", ({"tail9": [[1, 2, 3]]},)),
        ("pose", ({"body": [["left"] * 4] * 33},)),
        ("pose", ({"body": [{"x": "left"}] * 33},)),
        ("pose", ({"body": [[0.5] * 4] * 33}, {"stream": 999})),
        ("pose", ({"body": [[0.5] * 4] * 33}, {"time_ms": "now"})),
        ("pose", (b"\x00",)),
        ("pose", (7,)),
        ("audio", ("not binary",)),
        ("message", ({"x": 1}, {"to": "nobody"})),
        ("message", ("x" * 20_000,)),
        ("kick", (None,)),
        ("state", ({"name": "x"},)),
        ("wire", ({"type": "no such type"},)),
        ("wire", ("no such type",)),
    ],
)
async def test_what_is_wrong_is_answered_and_nothing_else_is_lost(
    host: Host, event: str, arguments: tuple[Any, ...]
) -> None:
    async with page(host) as client:
        assert (await client.call("join", "studio", {"publish": ["pose"]}))["ok"]
        answer = await client.call(event, *arguments)
        assert answer["ok"] is False
        assert answer["error"]["message"]
        assert (await client.call("pose", {"body": [[0.5] * 4] * 33}))["ok"]
    assert host.services.counters["internal_errors"] == 0


async def test_who_returns_has_its_place_again(host: Host) -> None:
    async with posewire.connect(host.url, device="arm") as connection:
        room = await connection.join("studio")
        async with page(host, device="page") as client:
            await client.call("join", "studio")
            session = client.last("hello")["session_id"]
            member = room.member_id_of("page")
            assert member is not None
            await client.client.eio.ws.close()  # the network breaks
            await eventually(lambda: room.members[member].away)
        async with page(host, device="page", resume=session) as again:
            await eventually(lambda: not room.members[member].away)
            await eventually(lambda: again.last("welcome") is not None)
            assert again.last("hello") == {"session_id": session, "resumed": True}
            assert again.last("welcome")["member_id"] == member


async def test_who_does_not_say_who_it_is_is_cut(host: Host) -> None:
    async with aiohttp.ClientSession() as web:
        url = http_url(host, "/socket.io/?EIO=4&transport=polling")
        async with web.get(url) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        await eventually(lambda: not host._gateway._server.environ)  # type: ignore[union-attr]
        async with web.get(f"{url}&sid={sid}") as answer:
            assert answer.status == 400


@pytest.mark.parametrize("packet", ["42" + "[" * 50_000, "5999999-[]", "not a packet", "42[", "4" + "x" * 400_000])
async def test_hostile_packets_end_at_most_their_own_connection(host: Host, packet: str) -> None:
    async with page(host) as client, aiohttp.ClientSession() as web:
        await client.call("join", "studio")
        url = http_url(host, "/socket.io/?EIO=4&transport=polling")
        async with web.get(url) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        for body in ("40", packet):
            async with web.post(f"{url}&sid={sid}", data=body) as answer:
                assert answer.status in (200, 400, 413)
        assert (await client.call("rooms"))["ok"]


async def test_a_host_that_stops_says_so() -> None:
    client = None
    async with running(with_gateway()) as host:
        client = socketio.AsyncClient(reconnection=False)
        heard: list[str] = []
        client.on("*", lambda event, *data: heard.append(event))
        await client.connect(http_url(host, ""), transports=["websocket"])
        await eventually(lambda: "hello" in heard)
    await eventually(lambda: not client.connected)
    assert heard[-2:] == ["goodbye", "closed"]


def test_a_defect_of_the_gateway_is_nobody_elses_problem() -> None:
    """Neither the room that sends, nor the client that asks, hears more than that something failed."""

    class Broken:
        on_congested = staticmethod(lambda congested: None)

        def on_text(self, text: str) -> None:
            raise RuntimeError("a defect")

        on_binary = on_text

    async def nothing(*_: Any) -> None:
        return

    failures: list[Exception] = []
    socket = SocketStandIn("", nothing, nothing)
    session = GatewaySession(socket, Broken(), SharedPoses(), failures.append)  # type: ignore[arg-type]
    assert session.handle("rooms", ())["error"]["code"] == "internal"
    delta = PoseEncoder("body33")
    for _ in range(2):
        packet = delta.encode(np.full((33, 4), 0.5), 0)
    socket.send_framed(
        binary_frame(build_frame(FrameType.POSE, packet, 3, 7))
    )  # a delta: it asks for a key, which fails
    assert [str(error) for error in failures] == ["a defect", "a defect"]


@pytest.mark.parametrize(("address", "allowed"), [("127.0.0.1", True), ("192.0.2.1", False), ("192.0.2.2", True)])
async def test_one_address_has_a_share_of_the_places(address: str, allowed: bool) -> None:
    let_in = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        let_in.append(scope["client"])

    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    there = {str(n): {"asgi.scope": {"client": ("192.0.2.1", n)}} for n in range(3)}
    there |= {f"own {n}": {"asgi.scope": {"client": ("127.0.0.1", n)}} for n in range(9)}
    door = Door(app, there, lambda: (64, 3), 1000)
    scope = {"type": "http", "client": (address, 9), "query_string": b"EIO=4", "headers": []}
    await door(scope, None, send)  # type: ignore[arg-type]
    assert bool(let_in) is allowed
    if not allowed:
        assert answers[0]["status"] == 429


async def test_without_the_gateway_there_is_nothing() -> None:
    async with (
        running(settings()) as host,
        aiohttp.ClientSession() as web,
        web.get(http_url(host, "/socket.io/?EIO=4&transport=polling")) as answer,
    ):
        assert answer.status == 404


async def test_a_client_that_takes_nothing_is_congested_and_then_cut() -> None:
    gate, taken = asyncio.Event(), []

    async def emit(event: str, data: Any) -> None:
        await gate.wait()
        taken.append(event)

    ended = asyncio.Event()

    async def disconnect() -> None:
        ended.set()

    congested: list[bool] = []
    socket = SocketStandIn("10.0.0.7:1234", emit, disconnect)
    socket.on_congested = congested.append
    work = asyncio.create_task(socket.run())
    socket.emit("pose", {}, HIGH_WATER + 1)
    assert socket.congested
    gate.set()
    await eventually(lambda: congested == [True, False])
    assert (socket.queued_bytes, socket.delivered, socket.address) == (0, HIGH_WATER + 1, "10.0.0.7")
    gate.clear()
    for _ in range(3):
        socket.emit("message", {}, MAX_WAITING // 2)
    assert socket.cut
    gate.set()
    await asyncio.wait_for(ended.wait(), 10)
    await work


def test_frames_for_websockets_are_read_whatever_their_length() -> None:
    async def nothing(*_: Any) -> None:
        return

    socket = SocketStandIn("", nothing, nothing)
    got: list[Frame] = []
    socket.on_frame = got.append
    for size in (0, 50, 121, 122, 5000, 65_535):
        socket.send_framed(binary_frame(build_frame(FrameType.AUDIO, bytes(size), 3, 7)))
        assert (len(got[-1].payload), got[-1].member_id) == (size, 7)


def test_poses_are_written_once_and_as_they_were() -> None:
    shared, encoder = SharedPoses(), PoseEncoder("coco17")
    decoders = [PoseDecoder(cache=shared.frames) for _ in range(3)]
    for step in range(100):
        packet = encoder.encode(np.full((17, 3), step / 100), step)
        frames = [decoder.decode(packet) for decoder in decoders]
        texts = {id(shared.values(frame)) for frame in frames if frame is not None}
        assert len(texts) == 1
    assert frames[0] is not None
    values = json.loads(dump_event(["pose", EventText(shared.values(frames[0]))]))
    assert values[0] == "pose"
    np.testing.assert_allclose(values[1]["coco17"], np.full((17, 3), 0.99), atol=0.01)
    assert dump_event(["message", {"a": 1}], separators=(",", ":")) == '["message",{"a":1}]'
