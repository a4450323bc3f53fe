"""Layer 2 on the wire: typed messages, orders to the host, shared states, floods, zombies."""

import asyncio
import gc
import socket
import sys
import weakref
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from posewire.errors import ConfigError, WireError
from posewire.hub import StateMirror, state
from posewire.rooms.room import Room
from posewire.server.connection.settings import FloodSettings
from posewire.server.host import Host
from posewire.server.messages.catalog import MESSAGES
from posewire.wire.frames import FrameType, build_frame
from support.hosts import settings
from support.peers import Peer, Peers

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "state", "mode", "text", "payload", "descriptors", "states", "action", "room", "publish", "subscribe", "name",
    "version", "base", "changes", "content", "id", "features", "audio_params", "reason", "code", "message",
]  # fmt: skip


@given(st.sampled_from(sorted(MESSAGES)), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
def test_whatever_a_message_holds_it_is_read_or_refused(kind: str, fields: dict[str, Any]) -> None:
    parse = MESSAGES[kind].parse
    if parse is not None:
        try:
            parse({"type": kind, **fields})
        except WireError as error:
            assert str(error)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "listen", "state": "detect"},
        {"type": "listen", "state": "detect", "text": " "},
        {"type": "iot"},
        {"type": "iot", "states": [{"state": {}}]},
        {"type": "iot", "descriptors": [{"name": "Lamp", "methods": []}]},
        {"type": "ping", "id": "x" * 65},
        {"type": "ping", "id": [1]},
        {"type": "mcp", "payload": {"id": "one"}},
        {"type": "server", "action": "explode"},
        {"type": "state", "name": "host"},
        {"type": "state", "name": "host", "action": "patch", "base": 1},
    ],
)
async def test_what_lacks_its_point_is_refused(peers: Peers, message: dict[str, Any]) -> None:
    peer = await peers.connect()
    await peer.hello()
    await peer.send(**message)
    assert (await peer.receive("error"))["code"] == "bad_message"
    await peer.echo()


# --- orders to the host


async def test_a_host_that_may_not_be_restarted_says_so(peers: Peers) -> None:
    peer = await peers.connect()
    await peer.hello()
    await peer.send(type="server", action="restart")
    assert (await peer.receive("error"))["code"] == "not_available"


async def test_a_restart_is_ordered_by_who_may(host: Host, peers: Peers) -> None:
    ordered = asyncio.Event()
    host.services.control.on_restart = ordered.set
    peer = await peers.connect()
    await peer.hello()
    await peer.send(type="server", action="restart")
    answer = await peer.receive("server")
    assert (answer["status"], answer["content"]) == ("success", {"action": "restart"})
    await asyncio.wait_for(ordered.wait(), 5)


async def test_a_configuration_that_makes_no_sense_is_told(host: Host, peers: Peers) -> None:
    async def reload() -> str:
        raise ConfigError("[server] port must be 0 to 65535, is 70000")

    host.services.control.on_reload = reload
    peer = await peers.connect()
    await peer.hello()
    await peer.send(type="server", action="update_config")
    error = await peer.receive("error")
    assert (error["code"], "70000" in error["message"]) == ("bad_config", True)
    await peer.echo()


# --- shared states


async def test_a_room_shares_a_state_and_who_is_stale_gets_the_whole(peers: Peers) -> None:
    ann, bob = await peers.connect("aa:00:00:00:00:01"), await peers.connect("aa:00:00:00:00:02")
    mirror = StateMirror()
    for peer in (ann, bob):
        await peer.hello()
        await peer.join("studio")
        await peer.send(type="state", action="subscribe", name="room:studio")
    whole = await ann.receive("state")
    assert mirror.apply(whole)
    await bob.receive("state")
    await ann.send(
        type="state", action="patch", name="room:studio", base=whole["version"], patch="p1", changes={"a": 1}
    )
    told = await bob.receive("state")
    assert (told["patch"], told["base"], told["changes"]) == ("p1", whole["version"], {"a": 1})
    assert mirror.apply(await ann.receive("state"))
    assert mirror.value == {"a": 1}
    # Bob makes his change from what he had before.
    await bob.send(
        type="state", action="patch", name="room:studio", base=whole["version"], patch="p2", changes={"a": 2}
    )
    refused = await bob.receive("state")
    assert (refused["refused"], refused["value"]) == ("p2", {"a": 1})
    # Somebody outside the room has no business there, and the state goes with the room.
    eve = await peers.connect("aa:00:00:00:00:03")
    await eve.hello()
    await ann.send(type="room", action="leave")
    await bob.send(type="room", action="leave")
    await bob.echo()
    await ann.echo()
    await eve.join("studio")
    await eve.send(type="state", action="get", name="room:studio")
    assert (await eve.receive("state"))["value"] == {}


async def test_reading_makes_no_state_of_what_is_not_here_and_its_followers_are_told_of_the_first(
    host: Host, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posewire.server.state.shared_states.MAX_STATES", 3)
    page = await peers.connect("page")
    await page.hello()
    for number in range(10):
        await page.send(type="state", action="get", name=f"device:{number}")
        assert (await page.receive("state"))["value"] == {}
        await page.send(type="state", action="subscribe", name=f"room:{number}")
        assert (await page.receive("state"))["value"] == {}
    board = await peers.connect("board")
    await board.hello()
    await board.join("7")
    await board.send(type="state", action="subscribe", name="room:7")
    mirror, base = StateMirror(), (await board.receive("state"))["version"]
    assert mirror.apply(await page.receive("state", name="room:7"))
    await board.send(type="state", action="patch", name="room:7", base=base, changes={"a": 1})
    assert mirror.apply(await page.receive("state", name="room:7"))
    assert mirror.value == {"a": 1}


async def test_many_rooms_of_long_names_fit_into_the_state_of_the_host(host: Host, peers: Peers) -> None:
    page = await peers.connect()
    await page.hello()
    await page.join("\N{CJK UNIFIED IDEOGRAPH-5C0F}" * 64)
    await page.send(type="state", action="subscribe", name="host")
    mirror = StateMirror()
    assert mirror.apply(await page.receive("state", name="host"))
    for number in range(200):
        name = f"{number}".ljust(64, "\N{CJK UNIFIED IDEOGRAPH-5C0F}")
        host.services.rooms.rooms[name] = Room(name, host.services.settings.rooms)
    while mirror.value["room_count"] != 201:
        assert mirror.apply(await page.receive("state", name="host"))
    assert len(mirror.value["rooms"]) == 50
    assert "\N{CJK UNIFIED IDEOGRAPH-5C0F}" * 64 in mirror.value["rooms"]  # the only one that is not empty


async def test_alerts_are_in_the_state_of_the_host(host: Host, peers: Peers) -> None:
    page = await peers.connect()
    await page.hello()
    await page.send(type="state", action="subscribe", name="host")
    mirror = StateMirror()
    assert mirror.apply(await page.receive("state", name="host"))
    assert mirror.value["alerts"] == []
    health = host.services.health
    assert health is not None
    for now in (0.0, health.alerts.hold):
        health.alerts.check({"loss": 0.5}, now, now)
    while not mirror.value["alerts"]:
        assert mirror.apply(await page.receive("state", name="host"))
    assert mirror.value["alerts"] == [{"name": "loss", "level": "warning", "value": 0.5, "threshold": 0.05}]


async def test_a_state_of_the_host_that_fails_once_goes_on(
    host: Host, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await peers.connect()
    await page.hello()
    await page.send(type="state", action="subscribe", name="host")
    mirror = StateMirror()
    assert mirror.apply(await page.receive("state", name="host"))
    with monkeypatch.context() as patch:
        patch.setattr(state, "MAX_BYTES", 10)
        host.services.counters["something"] += 1
        while not host.services.counters["job_failures"]:
            await asyncio.sleep(0.01)
    while mirror.value["totals"].get("something") != 1:
        assert mirror.apply(await page.receive("state", name="host"))


async def test_a_device_mirrors_its_things_and_a_dashboard_follows(host: Host, peers: Peers) -> None:
    board, page = await peers.connect("aa:00:00:00:00:01"), await peers.connect("aa:00:00:00:00:02")
    await board.hello()
    await page.hello()
    await page.send(type="state", action="subscribe", name="device:aa:00:00:00:00:01")
    await page.receive("state")
    await board.send(type="iot", states=[{"name": "Lamp", "state": {"on": True}}])
    assert (await page.receive("state"))["changes"] == {"things": {"Lamp": {"on": True}}}
    await page.send(type="state", action="subscribe", name="host")
    assert (await page.receive("state", name="host"))["value"]["connections"] == 2
    await board.send(type="goodbye")
    mirror = StateMirror()
    await page.send(type="state", action="get", name="host")
    assert mirror.apply(await page.receive("state", name="host"))
    while mirror.value["connections"] != 1:
        assert mirror.apply(await page.receive("state", name="host"))
    await page.send(type="state", action="get", name="device:aa:00:00:00:00:01")
    assert (await page.receive("state", name="device:aa:00:00:00:00:01"))["value"] == {}
    await page.send(type="state", action="patch", name="host", base=1, changes={})
    assert (await page.receive("error"))["code"] == "forbidden"
    await page.send(type="state", action="get", name="weather")
    assert (await page.receive("error"))["code"] == "not_found"


async def test_things_that_do_not_fit_into_the_mirror_are_refused(host: Host, peers: Peers) -> None:
    board = await peers.connect("aa:00:00:00:00:01")
    await board.hello()
    await board.send(type="iot", states=[{"name": "Lamp", "state": {"a": "x" * 30_000}}])
    await board.send(type="iot", states=[{"name": "Lamp", "state": {"b": "x" * 30_000}}])
    assert (await board.receive("error"))["code"] == "too_many"
    await board.echo()
    handler = host.services.registry.device("aa:00:00:00:00:01")
    assert handler is not None
    assert set(handler.tools.available()) == {"self.get_device_status", "get_Lamp_a"}
    assert host.services.counters["internal_errors"] == 0


# --- floods and the vanished


async def closed_with(peer: Peer) -> int:
    with pytest.raises(ConnectionClosed):
        while True:
            await asyncio.wait_for(peer.socket.recv(), 10)
    assert peer.socket.close_code is not None
    return peer.socket.close_code


async def test_a_flood_is_told_once_and_harms_nobody_else() -> None:
    flood = FloodSettings(text_rate=20, text_burst=20, audio_rate=20, audio_burst=20)
    host = Host(replace(settings(), flood=flood))
    await host.start()
    peers = Peers(host.url)
    try:
        loud, good = await peers.connect("aa:00:00:00:00:01"), await peers.connect("aa:00:00:00:00:02")
        await loud.hello()
        await good.hello()
        for _ in range(200):
            await loud.socket.send(build_frame(FrameType.AUDIO, bytes(64), 3))
        await loud.echo()
        assert host.services.counters["flood_audio"] >= 150
        for _ in range(100):
            await loud.send(type="abort")
        errors = 0
        await good.echo()
        while host.services.counters["flood_text"] < 50:
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.1)
        await loud.send(type="ping", id="after")
        while (message := await loud.receive())["type"] != "pong":
            assert message["code"] == "too_many"
            errors += 1
        # One for audio; one or, where the machine was slow, a few for text.
        assert 1 <= errors <= 3
        # It does not stop: that is no accident.
        for _ in range(800):
            await loud.socket.send(build_frame(FrameType.AUDIO, bytes(64), 3))
        assert await closed_with(loud) == 1008
        await good.echo()
    finally:
        await peers.close()
        await host.stop()


async def test_pings_and_empty_messages_are_a_flood_too() -> None:
    flood = FloodSettings(text_rate=20, text_burst=20, audio_rate=20, audio_burst=20)
    host = Host(replace(settings(), flood=flood))
    await host.start()
    peers = Peers(host.url)
    try:
        first, second = await peers.connect("aa:00:00:00:00:01"), await peers.connect("aa:00:00:00:00:02")
        await first.hello()
        await second.hello()
        with suppress(ConnectionClosed):
            for _ in range(1000):
                await first.socket.ping()
        assert await closed_with(first) == 1008
        with suppress(ConnectionClosed):
            for _ in range(1000):
                await second.socket.send(b"")
        assert await closed_with(second) == 1008
        assert 20 < host.services.counters["flood_frames"] < 30
        assert host.services.counters["flood_audio"] > 400
    finally:
        await peers.close()
        await host.stop()


async def test_who_reads_nothing_is_cut_before_much_waits_for_it(peers: Peers, host: Host) -> None:
    good, deaf = await peers.connect("aa:00:00:00:00:01"), await peers.connect("aa:00:00:00:00:02")
    await good.hello()
    await deaf.hello()
    await deaf.join()
    host.services.states.get("room:studio").patch({"big": "x" * 40_000})
    deaf.socket.transport.pause_reading()
    handler = host.services.registry.device("aa:00:00:00:00:02")
    assert handler is not None
    most = 0
    async with asyncio.timeout(10):
        while not host.services.counters["too_slow"]:
            # The host's answers would be megabytes for each second of this.
            with suppress(ConnectionClosed):
                await deaf.send(type="state", action="get", name="room:studio")
            await asyncio.sleep(0)
            most = max(most, handler.queued_bytes)
    assert most < 1_100_000
    async with asyncio.timeout(10):
        while host.services.registry.device("aa:00:00:00:00:02") is not None:
            await asyncio.sleep(0.01)
    await good.echo()
    # It was too slow, not unwelcome: its place is kept for its return.
    assert [member.link for member in host.services.rooms.rooms["studio"].members.values()] == [None]


async def test_errors_are_not_an_amplifier(peers: Peers, host: Host) -> None:
    peer = await peers.connect()
    await peer.hello()
    for _ in range(300):
        await peer.socket.send(b"\x63\x00\x00\x00")
    answers = 0
    await peer.send(type="ping", id=1)
    while (await peer.receive())["type"] != "pong":
        answers += 1
    assert host.services.counters["refused_bad_frame"] == 300
    assert 50 <= answers < 150


async def test_who_vanished_without_a_word_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posewire.server.transport.websocket.CLOSING_TIMEOUT", 0.1)
    host = Host(settings(ping_after=0.1, answer_within=0.1, sweep=0.03, resume_window=0.2))
    await host.start()
    try:
        async with connect(host.url) as lively:
            await Peer(lively).hello()
            # Says hello and answers nothing after that, as a board that lost its power.
            reader, writer = await asyncio.open_connection("127.0.0.1", int(host.url.split(":")[2].split("/")[0]))
            writer.write(
                b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nDevice-Id: gone\r\n\r\n"
            )
            hello = b'{"type":"hello","version":1}'
            writer.write(bytes([0x81, 0x80 | len(hello), 0, 0, 0, 0]) + hello)
            while host.services.registry.device("gone") is None:
                await asyncio.sleep(0.01)
            frames = await asyncio.wait_for(reader.read(), 10)
            assert b"keepalive ping timeout" in frames
            assert host.services.hub.statistics()["zombies"] == 1
            assert host.services.registry.device("gone") is None
            await Peer(lively).echo()
            writer.close()
    finally:
        await host.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is acknowledged")
@pytest.mark.parametrize("reads", [True, False])
async def test_a_device_that_takes_a_reply_needs_not_answer_pings(reads: bool) -> None:
    host = Host(settings(ping_after=0.1, answer_within=0.2, sweep=0.03))
    await host.start()
    try:
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", int(host.url.split(":")[2].split("/")[0])))
        link.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=link, limit=1024)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nDevice-Id: mute\r\n\r\n"
        )
        hello = b'{"type":"hello","version":1}'
        writer.write(bytes([0x81, 0x80 | len(hello), 0, 0, 0, 0]) + hello)
        while (device := host.services.registry.device("mute")) is None:
            await asyncio.sleep(0.01)

        async def read() -> None:
            while await reader.read(4096):
                pass

        reading = asyncio.create_task(read()) if reads else None
        # A reply of a second, at the rate of PCM.
        for _ in range(50):
            device.send_audio(bytes(1920))
            await asyncio.sleep(0.02)
        assert host.services.hub.statistics().get("zombies", 0) == (0 if reads else 1)
        while not host.services.hub.statistics().get("zombies"):  # nothing moves any more
            await asyncio.sleep(0.01)
        if reading is not None:
            reading.cancel()
        writer.close()
    finally:
        await host.stop()


async def test_who_only_answers_pings_is_idle() -> None:
    host = Host(settings(ping_after=0.05, answer_within=10.0, idle_after=0.5, sweep=0.02))
    await host.start()
    try:
        async with connect(host.url) as idle:
            await Peer(idle).hello()
            assert await closed_with(Peer(idle)) == 4008
    finally:
        await host.stop()


async def test_a_closed_connection_leaves_no_trace(host: Host, peers: Peers) -> None:
    peer = await peers.connect("aa:00:00:00:00:01")
    answer = await peer.hello(features={"pose": True, "mcp": True})
    await peer.join("studio", publish=["pose", "audio"], subscribe=["pose"])
    await peer.send(type="state", action="subscribe", name="room:studio")
    await peer.send(type="iot", states=[{"name": "Lamp", "state": {"on": True}}])
    await peer.socket.send(build_frame(FrameType.AUDIO, bytes(1920), 3))
    await peer.socket.send("not json")
    await peer.echo()
    handler = host.services.registry.session(answer["session_id"])
    assert handler is not None
    traces = [weakref.ref(handler), weakref.ref(handler.websocket), weakref.ref(handler.tools)]
    del handler
    await peer.socket.close()
    await asyncio.wait_for(host.services.registry.drained(), 5)
    async with asyncio.timeout(5):
        while True:
            gc.collect()
            if all(trace() is None for trace in traces):
                break
            await asyncio.sleep(0.01)
    assert vars(host.services.hub.pool) == {"_entries": {}, "_devices": {}, "_groups": {}}
    assert host.services.states._states == {}


def test_a_socket_is_free_again_after_a_failed_start() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.listen()
        port = probe.getsockname()[1]
        with pytest.raises(ConfigError, match="Does another host run there"):
            asyncio.run(Host(replace(settings(), server=replace(settings().server, port=port))).start())
